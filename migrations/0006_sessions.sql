-- Sessions that ended before their tokens do: one of them (`session`), or all of a user's whose
-- tokens carry an older epoch (`epoch`). Gateways read what was written since they last looked, and
-- nothing needs a row that is older than the longest life of a token; then it is deleted.
create table ended_sessions (
    user_id text collate "C" not null,
    session text collate "C",
    epoch integer,
    at timestamptz not null,
    written_at timestamptz not null default clock_timestamp(),
    check (num_nonnulls(session, epoch) = 1)
);
create index ended_sessions_written_at on ended_sessions (written_at);

-- What an operator hands to somebody who forgot the password: the SHA-256 of a token, and until
-- when it is good. The release before this one writes neither and leaves what it finds.
alter table accounts add column reset_hash text collate "C";
alter table accounts add column reset_until timestamptz;
create index accounts_reset_hash on accounts (reset_hash) where reset_hash is not null;
