-- Money that moves once: who changed what by hand, and how far the provider's books were read.

-- The order has ended unsold while an attempt was under way: whatever comes of that one is void.
alter table payments add column abandoned_at timestamptz;

-- The one that looks for what no webhook told.
create table reconcilers (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    swept_until timestamptz,
    touched bigint not null
);

-- The one that alone appends to the log below: how long the chain is, and what it ends with.
create table audits (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    count bigint not null check (count >= 0),
    head text collate "C" not null
);

-- What people with power did, and why: inserted, never changed. Each row is chained to the one
-- before it by the SHA-256 of its own contents and of that one's hash, so that whoever changes,
-- removes or slips in a row by hand breaks the chain there.
create table audit_log (
    seq bigint primary key check (seq > 0),
    at timestamptz not null,
    by text not null,
    action text not null,
    subject text collate "C" not null,
    reason text not null check (reason <> ''),
    before jsonb not null,
    after jsonb not null,
    previous text collate "C" not null check (previous ~ '^([0-9a-f]{64})?$'),
    hash text collate "C" not null unique check (hash ~ '^[0-9a-f]{64}$')
);
create index audit_log_subject on audit_log (subject, seq);
