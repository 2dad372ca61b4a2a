-- How often somebody may try something (GCRA): one row for each who did lately, whoever is asked.
-- `paid_until` is when all that was let through would have been at the allowed pace, and `granted`
-- how many the last statement let through. A row whose time is past says nothing any more.
--
-- Unlogged: no check waits for a disk, and what a crash of the database forgets is how often
-- somebody tried a moment ago. Each row is overwritten again and again: hence the room beside it,
-- and no second index, so that the overwriting stays inside the page.
create unlogged table rate_limits (
    key uuid primary key,
    paid_until timestamptz not null,
    granted integer not null check (granted >= 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
