-- The sum of the numbered files, for reading. Written by `make schema`.

CREATE TABLE public.accounts (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    user_id text NOT NULL COLLATE pg_catalog."C",
    email text NOT NULL,
    password_hash text NOT NULL,
    roles text[] NOT NULL,
    session_epoch integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    reset_hash text COLLATE pg_catalog."C",
    reset_until timestamp with time zone,
    CONSTRAINT accounts_version_check CHECK ((version > 0))
)
WITH (fillfactor='80');

CREATE TABLE public.answers (
    id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL,
    reply jsonb NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.audit_log (
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    by text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    previous text NOT NULL COLLATE pg_catalog."C",
    hash text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT audit_log_hash_check CHECK ((hash ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT audit_log_previous_check CHECK ((previous ~ '^([0-9a-f]{64})?$'::text)),
    CONSTRAINT audit_log_reason_check CHECK ((reason <> ''::text)),
    CONSTRAINT audit_log_seq_check CHECK ((seq > 0))
);

CREATE TABLE public.audits (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    count bigint NOT NULL,
    head text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT audits_count_check CHECK ((count >= 0)),
    CONSTRAINT audits_version_check CHECK ((version > 0))
);

CREATE TABLE public.ended_sessions (
    user_id text NOT NULL COLLATE pg_catalog."C",
    session text COLLATE pg_catalog."C",
    epoch integer,
    at timestamp with time zone NOT NULL,
    written_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT ended_sessions_check CHECK ((num_nonnulls(session, epoch) = 1))
);

CREATE TABLE public.events (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    user_id text NOT NULL COLLATE pg_catalog."C",
    post_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    name_key text NOT NULL COLLATE pg_catalog."C",
    category text NOT NULL COLLATE pg_catalog."C",
    venue text NOT NULL,
    city text NOT NULL,
    city_key text NOT NULL COLLATE pg_catalog."C",
    starts_at timestamp with time zone NOT NULL,
    time_zone text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT events_category_check CHECK ((category = ANY (ARRAY['concert'::text, 'sports'::text, 'theatre'::text, 'comedy'::text, 'festival'::text, 'family'::text, 'other'::text]))),
    CONSTRAINT events_city_check CHECK (((char_length(city) >= 1) AND (char_length(city) <= 200))),
    CONSTRAINT events_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT events_venue_check CHECK (((char_length(venue) >= 1) AND (char_length(venue) <= 200))),
    CONSTRAINT events_version_check CHECK ((version > 0))
);

CREATE TABLE public.inbox (
    id uuid NOT NULL,
    partition integer NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    message text NOT NULL COLLATE pg_catalog."C",
    body jsonb NOT NULL,
    by text,
    due_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    parked_at timestamp with time zone,
    error text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000');

CREATE TABLE public.journal (
    kind text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    seq integer NOT NULL,
    fact text NOT NULL COLLATE pg_catalog."C",
    data jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    by text,
    cause text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    epoch bigint NOT NULL,
    node uuid NOT NULL,
    CONSTRAINT journal_version_check CHECK ((version > 0))
);

CREATE TABLE public.ledger (
    order_id text NOT NULL COLLATE pg_catalog."C",
    cause text NOT NULL COLLATE pg_catalog."C",
    account text NOT NULL COLLATE pg_catalog."C",
    delta_minor bigint NOT NULL,
    currency text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ledger_currency_check CHECK ((currency ~ '^[a-z]{3}$'::text))
);

CREATE TABLE public.ledger_health (
    id smallint NOT NULL,
    step integer DEFAULT 0 NOT NULL,
    after text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    next_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    began_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actors bigint DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    violations integer DEFAULT 0 NOT NULL,
    examples text[] DEFAULT '{}'::text[] NOT NULL,
    last_began_at timestamp with time zone,
    last_ended_at timestamp with time zone,
    last_actors bigint DEFAULT 0 NOT NULL,
    last_failed integer DEFAULT 0 NOT NULL,
    last_violations integer DEFAULT 0 NOT NULL,
    last_examples text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT ledger_health_id_check CHECK ((id = 1))
);

CREATE TABLE public.node (
    id uuid NOT NULL,
    state text NOT NULL,
    services text[] NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT node_state_check CHECK ((state = ANY (ARRAY['up'::text, 'draining'::text, 'dead'::text])))
);

CREATE TABLE public.orders (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    ticket_id text NOT NULL COLLATE pg_catalog."C",
    ticket_version bigint NOT NULL,
    buyer_id text NOT NULL COLLATE pg_catalog."C",
    seller_id text NOT NULL COLLATE pg_catalog."C",
    title text NOT NULL,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    cancel_reason text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    ended_at timestamp with time zone,
    settled_for integer,
    CONSTRAINT orders_cancel_reason_check CHECK ((cancel_reason = ANY (ARRAY['expired'::text, 'user'::text, 'payment_failed'::text, 'refunded'::text, 'admin'::text]))),
    CONSTRAINT orders_check CHECK (((cancel_reason IS NOT NULL) = (status = 'cancelled'::text))),
    CONSTRAINT orders_check1 CHECK (((ended_at IS NOT NULL) = (status = ANY (ARRAY['complete'::text, 'cancelled'::text])))),
    CONSTRAINT orders_check2 CHECK (((status <> 'complete'::text) OR (settled_at IS NOT NULL))),
    CONSTRAINT orders_check3 CHECK ((buyer_id <> seller_id)),
    CONSTRAINT orders_currency_check CHECK ((currency ~ '^[a-z]{3}$'::text)),
    CONSTRAINT orders_price_minor_check CHECK (((price_minor >= 1) AND (price_minor <= 99999999))),
    CONSTRAINT orders_status_check CHECK ((status = ANY (ARRAY['created'::text, 'awaiting:payment'::text, 'complete'::text, 'cancelled'::text]))),
    CONSTRAINT orders_version_check CHECK ((version > 0))
)
WITH (fillfactor='70');

CREATE TABLE public.partition (
    id integer NOT NULL,
    service text NOT NULL COLLATE pg_catalog."C",
    slot integer NOT NULL,
    owner uuid,
    epoch bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500');

CREATE TABLE public.payments (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    buyer_id text NOT NULL COLLATE pg_catalog."C",
    seller_id text NOT NULL COLLATE pg_catalog."C",
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    attempts_left integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempts jsonb NOT NULL,
    timeline jsonb NOT NULL,
    abandoned_at timestamp with time zone,
    CONSTRAINT payments_amount_minor_check CHECK (((amount_minor >= 1) AND (amount_minor <= 99999999))),
    CONSTRAINT payments_attempts_left_check CHECK ((attempts_left >= 0)),
    CONSTRAINT payments_currency_check CHECK ((currency ~ '^[a-z]{3}$'::text)),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['processing'::text, 'requires_action'::text, 'declined'::text, 'captured'::text, 'voided'::text, 'refunded'::text]))),
    CONSTRAINT payments_version_check CHECK ((version > 0))
)
WITH (fillfactor='70');

CREATE UNLOGGED TABLE public.rate_limits (
    key uuid NOT NULL,
    paid_until timestamp with time zone NOT NULL,
    granted integer NOT NULL,
    CONSTRAINT rate_limits_granted_check CHECK ((granted >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000');

CREATE TABLE public.reconcilers (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    swept_until timestamp with time zone,
    touched bigint NOT NULL,
    CONSTRAINT reconcilers_version_check CHECK ((version > 0))
);

CREATE TABLE public.schema_migrations (
    number integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.tickets (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    seller_id text NOT NULL COLLATE pg_catalog."C",
    title text NOT NULL,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    event_id text COLLATE pg_catalog."C",
    section text,
    "row" text,
    seat text,
    delivery text,
    order_id text COLLATE pg_catalog."C",
    buyer_id text COLLATE pg_catalog."C",
    reserved_at timestamp with time zone,
    reserved_until timestamp with time zone,
    withdraw_reason text,
    lapses jsonb NOT NULL,
    event_name text,
    event_category text COLLATE pg_catalog."C",
    event_venue text,
    event_city text,
    event_city_key text COLLATE pg_catalog."C",
    event_starts_at timestamp with time zone,
    event_time_zone text,
    CONSTRAINT tickets_check CHECK (((order_id IS NOT NULL) = (status = ANY (ARRAY['reserved'::text, 'sold'::text])))),
    CONSTRAINT tickets_check1 CHECK (((buyer_id IS NOT NULL) = (status = ANY (ARRAY['reserved'::text, 'sold'::text])))),
    CONSTRAINT tickets_check2 CHECK (((reserved_until IS NOT NULL) = (status = 'reserved'::text))),
    CONSTRAINT tickets_check3 CHECK (((withdraw_reason IS NOT NULL) = (status = 'withdrawn'::text))),
    CONSTRAINT tickets_check4 CHECK ((buyer_id <> seller_id)),
    CONSTRAINT tickets_currency_check CHECK ((currency ~ '^[a-z]{3}$'::text)),
    CONSTRAINT tickets_event_whole CHECK ((num_nulls(event_id, event_name, event_category, event_venue, event_city, event_city_key, event_starts_at, event_time_zone) = ANY (ARRAY[0, 8]))),
    CONSTRAINT tickets_price_minor_check CHECK (((price_minor >= 1) AND (price_minor <= 99999999))),
    CONSTRAINT tickets_status_check CHECK ((status = ANY (ARRAY['available'::text, 'reserved'::text, 'sold'::text, 'withdrawn'::text]))),
    CONSTRAINT tickets_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200))),
    CONSTRAINT tickets_version_check CHECK ((version > 0)),
    CONSTRAINT tickets_withdraw_reason_check CHECK ((withdraw_reason = ANY (ARRAY['seller'::text, 'event_started'::text, 'refunded'::text])))
)
WITH (fillfactor='70');

CREATE TABLE public.watches (
    id text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    partition integer NOT NULL,
    repairs bigint NOT NULL,
    repaired_at timestamp with time zone,
    CONSTRAINT watches_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_user_id_key UNIQUE (user_id);

ALTER TABLE ONLY public.answers
    ADD CONSTRAINT answers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.audits
    ADD CONSTRAINT audits_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (kind, key, version, seq);

ALTER TABLE ONLY public.ledger_health
    ADD CONSTRAINT ledger_health_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (order_id, cause, account);

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.partition
    ADD CONSTRAINT partition_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.partition
    ADD CONSTRAINT partition_service_slot_key UNIQUE (service, slot);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.reconcilers
    ADD CONSTRAINT reconcilers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_order_id_key UNIQUE (order_id);

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.watches
    ADD CONSTRAINT watches_pkey PRIMARY KEY (id);

CREATE INDEX accounts_reset_hash ON public.accounts USING btree (reset_hash) WHERE (reset_hash IS NOT NULL);

CREATE INDEX answers_at ON public.answers USING btree (at);

CREATE INDEX audit_log_subject ON public.audit_log USING btree (subject, seq);

CREATE INDEX ended_sessions_written_at ON public.ended_sessions USING btree (written_at);

CREATE INDEX events_alike ON public.events USING btree (name_key, city_key, starts_at);

CREATE INDEX events_category ON public.events USING btree (category, starts_at, id);

CREATE INDEX events_city ON public.events USING btree (city_key, starts_at, id);

CREATE INDEX events_starting ON public.events USING btree (starts_at, id);

CREATE INDEX events_words ON public.events USING gin (to_tsvector('simple'::regconfig, ((((name || ' '::text) || venue) || ' '::text) || city)));

CREATE INDEX inbox_due ON public.inbox USING btree (due_at, id) WHERE (parked_at IS NULL);

CREATE UNIQUE INDEX inbox_name ON public.inbox USING btree (key, name, kind);

CREATE INDEX inbox_parked ON public.inbox USING btree (parked_at, id) WHERE (parked_at IS NOT NULL);

CREATE INDEX ledger_account ON public.ledger USING btree (account, currency);

CREATE INDEX orders_buyer ON public.orders USING btree (buyer_id, created_at DESC, id DESC);

CREATE UNIQUE INDEX orders_one_sale ON public.orders USING btree (ticket_id) WHERE (status = 'complete'::text);

CREATE INDEX orders_overdue ON public.orders USING btree (expires_at) WHERE ((status = ANY (ARRAY['created'::text, 'awaiting:payment'::text])) AND (settled_at IS NULL));

CREATE INDEX orders_settled ON public.orders USING btree (settled_at) WHERE ((status = 'awaiting:payment'::text) AND (settled_at IS NOT NULL));

CREATE INDEX orders_ticket ON public.orders USING btree (ticket_id);

CREATE INDEX payments_open ON public.payments USING btree (created_at) WHERE (status = ANY (ARRAY['processing'::text, 'requires_action'::text]));

CREATE INDEX tickets_buyer ON public.tickets USING btree (buyer_id) WHERE (reserved_until IS NOT NULL);

CREATE INDEX tickets_category_newest ON public.tickets USING btree (event_category, created_at DESC, id DESC) WHERE ((status = 'available'::text) AND (event_category IS NOT NULL));

CREATE INDEX tickets_category_price ON public.tickets USING btree (event_category, price_minor, id) WHERE ((status = 'available'::text) AND (event_category IS NOT NULL));

CREATE INDEX tickets_category_starting ON public.tickets USING btree (event_category, event_starts_at, id) WHERE ((status = 'available'::text) AND (event_category IS NOT NULL));

CREATE INDEX tickets_city_newest ON public.tickets USING btree (event_city_key, created_at DESC, id DESC) WHERE ((status = 'available'::text) AND (event_city_key IS NOT NULL));

CREATE INDEX tickets_city_price ON public.tickets USING btree (event_city_key, price_minor, id) WHERE ((status = 'available'::text) AND (event_city_key IS NOT NULL));

CREATE INDEX tickets_city_starting ON public.tickets USING btree (event_city_key, event_starts_at, id) WHERE ((status = 'available'::text) AND (event_city_key IS NOT NULL));

CREATE INDEX tickets_event ON public.tickets USING btree (event_id, created_at DESC, id DESC) WHERE (event_id IS NOT NULL);

CREATE INDEX tickets_event_price ON public.tickets USING btree (event_id, price_minor, id) WHERE ((status = 'available'::text) AND (event_id IS NOT NULL));

CREATE INDEX tickets_newest ON public.tickets USING btree (status, created_at DESC, id DESC);

CREATE INDEX tickets_overdue ON public.tickets USING btree (reserved_until) WHERE (status = 'reserved'::text);

CREATE INDEX tickets_price ON public.tickets USING btree (status, price_minor, id);

CREATE INDEX tickets_seller ON public.tickets USING btree (seller_id, created_at DESC, id DESC);

CREATE INDEX tickets_starting ON public.tickets USING btree (status, event_starts_at, id) WHERE (event_starts_at IS NOT NULL);

CREATE INDEX tickets_words ON public.tickets USING gin (to_tsvector('simple'::regconfig, ((((((title || ' '::text) || COALESCE(event_name, ''::text)) || ' '::text) || COALESCE(event_venue, ''::text)) || ' '::text) || COALESCE(event_city, ''::text))));
