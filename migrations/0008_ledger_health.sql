-- How far the running system has come in checking itself, slice by slice, and what it found: one
-- row, whoever works on it. `step` and `after` are where the next slice begins; the columns that
-- begin with `last_` are of the last round that was gone through whole.
create table ledger_health (
    id smallint primary key check (id = 1),
    step integer not null default 0,
    after text not null collate "C" default '',
    next_at timestamptz not null default clock_timestamp(),
    began_at timestamptz not null default clock_timestamp(),
    actors bigint not null default 0,
    failed integer not null default 0,
    violations integer not null default 0,
    examples text[] not null default '{}',
    last_began_at timestamptz,
    last_ended_at timestamptz,
    last_actors bigint not null default 0,
    last_failed integer not null default 0,
    last_violations integer not null default 0,
    last_examples text[] not null default '{}'
);
insert into ledger_health (id) values (1);
