-- The first schema: what the runtime needs, then one table for each kind of actor.
-- Keys are text in byte order, because ids are opaque; every actor row carries its partition,
-- because a commit proves that this process still owns it.

-- The runtime ------------------------------------------------------------------------------------

-- One row a process incarnation. Dead is final. Only the database's clock is written or compared.
create table node (
    id uuid primary key,
    state text not null check (state in ('up', 'draining', 'dead')),
    services text[] not null,
    lease_until timestamptz not null,
    started_at timestamptz not null default clock_timestamp()
);

-- Who owns a slice of a service's actors. Changes only when ownership changes; heartbeats touch
-- `node` alone, or they would wait for every commit. Every commit locks its rows FOR SHARE, which
-- leaves dead row headers behind: hence the room and the eager vacuum.
create table partition (
    id integer primary key,
    service text collate "C" not null,
    slot integer not null,
    owner uuid,
    epoch bigint not null default 0,
    unique (service, slot)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Tells, timers, retries and dead letters alike: a row that is due, in the past or in the future.
create table inbox (
    id uuid primary key,
    partition integer not null,
    kind text collate "C" not null,
    key text collate "C" not null,
    name text collate "C",
    message text collate "C" not null,
    body jsonb not null,
    by text,
    due_at timestamptz not null,
    attempts integer not null default 0,
    parked_at timestamptz,
    error text,
    created_at timestamptz not null default clock_timestamp()
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create unique index inbox_name on inbox (key, name, kind) where name is not null;
create index inbox_due on inbox (due_at, id) where parked_at is null;
create index inbox_actor on inbox (kind, key) where parked_at is null;
create index inbox_parked on inbox (parked_at, id) where parked_at is not null;

-- What was answered to an ask id; kept 48 hours, so that a retry gets the first answer.
create table answers (
    id text collate "C" primary key,
    kind text collate "C" not null,
    key text collate "C" not null,
    digest text not null,
    reply jsonb not null,
    at timestamptz not null
);
create index answers_at on answers (at);

-- Every fact that was ever recorded: the state of an actor is the fold of its facts.
create table journal (
    kind text collate "C" not null,
    key text collate "C" not null,
    version bigint not null check (version > 0),
    seq integer not null,
    fact text collate "C" not null,
    data jsonb not null,
    at timestamptz not null,
    by text,
    cause text collate "C" not null,
    partition integer not null,
    epoch bigint not null,
    node uuid not null,
    primary key (kind, key, version, seq)
);

-- The actors -------------------------------------------------------------------------------------

create table accounts (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    user_id text collate "C" not null unique,
    email text not null,
    password_hash text not null,
    roles text[] not null,
    session_epoch integer not null,
    created_at timestamptz not null
) with (fillfactor = 80);

create table tickets (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    seller_id text collate "C" not null,
    title text not null check (char_length(title) between 1 and 200),
    price_minor bigint not null check (price_minor between 1 and 99999999),
    currency text not null check (currency ~ '^[a-z]{3}$'),
    status text not null check (status in ('available', 'reserved', 'sold', 'withdrawn')),
    created_at timestamptz not null,
    event_id text collate "C",
    section text,
    "row" text,
    seat text,
    delivery text,
    order_id text collate "C" unique,
    buyer_id text collate "C",
    reserved_at timestamptz,
    reserved_until timestamptz,
    withdraw_reason text check (withdraw_reason in ('seller', 'event_started', 'refunded')),
    lapses jsonb not null,
    check ((order_id is not null) = (status in ('reserved', 'sold'))),
    check ((buyer_id is not null) = (status in ('reserved', 'sold'))),
    check ((reserved_until is not null) = (status = 'reserved')),
    check ((withdraw_reason is not null) = (status = 'withdrawn')),
    check (buyer_id <> seller_id)
) with (fillfactor = 70);
create index tickets_newest on tickets (status, created_at desc, id desc);
create index tickets_price on tickets (status, price_minor, id);
create index tickets_seller on tickets (seller_id, created_at desc, id desc);
create index tickets_event on tickets (event_id, created_at desc, id desc) where event_id is not null;
create index tickets_buyer on tickets (buyer_id) where status = 'reserved';
create index tickets_overdue on tickets (reserved_until) where status = 'reserved';
create index tickets_words on tickets using gin (to_tsvector('simple', title));

create table orders (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    ticket_id text collate "C" not null,
    ticket_version bigint not null,
    buyer_id text collate "C" not null,
    seller_id text collate "C" not null,
    title text not null,
    price_minor bigint not null check (price_minor between 1 and 99999999),
    currency text not null check (currency ~ '^[a-z]{3}$'),
    status text not null check (status in ('created', 'awaiting:payment', 'complete', 'cancelled')),
    cancel_reason text
        check (cancel_reason in ('expired', 'user', 'payment_failed', 'refunded', 'admin')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    settled_at timestamptz,
    ended_at timestamptz,
    check ((cancel_reason is not null) = (status = 'cancelled')),
    check ((ended_at is not null) = (status in ('complete', 'cancelled'))),
    check (status <> 'complete' or settled_at is not null),
    check (buyer_id <> seller_id)
) with (fillfactor = 70);
create unique index orders_one_sale on orders (ticket_id) where status = 'complete';
create index orders_ticket on orders (ticket_id);
create index orders_buyer on orders (buyer_id, created_at desc, id desc);
create index orders_overdue on orders (expires_at)
    where status in ('created', 'awaiting:payment') and settled_at is null;
create index orders_settled on orders (settled_at)
    where status = 'awaiting:payment' and settled_at is not null;

create table payments (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    buyer_id text collate "C" not null,
    seller_id text collate "C" not null,
    amount_minor bigint not null check (amount_minor between 1 and 99999999),
    currency text not null check (currency ~ '^[a-z]{3}$'),
    status text not null check (
        status in ('processing', 'requires_action', 'declined', 'captured', 'voided', 'refunded')
    ),
    attempts_left integer not null check (attempts_left >= 0),
    created_at timestamptz not null,
    attempts jsonb not null,
    timeline jsonb not null
) with (fillfactor = 70);
create index payments_open on payments (created_at) where status in ('processing', 'requires_action');

create table watches (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    repairs bigint not null,
    repaired_at timestamptz
);

-- Money, in double entry: one row a movement, appended in the commit of the turn that caused it,
-- never changed; the movements of an order sum to zero.
create table ledger (
    order_id text collate "C" not null,
    cause text collate "C" not null,
    account text collate "C" not null,
    delta_minor bigint not null,
    currency text not null check (currency ~ '^[a-z]{3}$'),
    at timestamptz not null,
    primary key (order_id, cause, account)
);
create index ledger_account on ledger (account, currency);

-- Five services of 256 partitions each; fixed at creation.
insert into partition (id, service, slot)
select service.number * 256 + slot, service.name, slot
from unnest(array['auth', 'tickets', 'orders', 'expiration', 'payments'])
    with ordinality as s (name, ordinal)
cross join lateral (select s.name, s.ordinal::integer - 1) as service (name, number)
cross join generate_series(0, 255) as slot;
