-- Events, and what tickets know of theirs.

create table events (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    user_id text collate "C" not null,
    post_id text collate "C" not null,
    name text not null check (char_length(name) between 1 and 200),
    name_key text collate "C" not null,
    category text collate "C" not null check (category in
        ('concert', 'sports', 'theatre', 'comedy', 'festival', 'family', 'other')),
    venue text not null check (char_length(venue) between 1 and 200),
    city text not null check (char_length(city) between 1 and 200),
    city_key text collate "C" not null,
    starts_at timestamptz not null,
    time_zone text not null,
    created_at timestamptz not null
);
create index events_starting on events (starts_at, id);
create index events_category on events (category, starts_at, id);
create index events_city on events (city_key, starts_at, id);
create index events_alike on events (name_key, city_key, starts_at);
create index events_words on events using gin (to_tsvector('simple', name || ' ' || venue || ' ' || city));

-- A copy of the event, which never changes: so that a page of tickets walks one index of one table.
alter table tickets
    add column event_name text,
    add column event_category text collate "C",
    add column event_venue text,
    add column event_city text,
    add column event_city_key text collate "C",
    add column event_starts_at timestamptz,
    add column event_time_zone text,
    add constraint tickets_event_whole check (num_nulls(
        event_id, event_name, event_category, event_venue, event_city, event_city_key,
        event_starts_at, event_time_zone) in (0, 8));

-- Each order of a page begins with its own equality. Whoever looks at a category, a city or one
-- event's prices looks at what is available; these leave out the rest, so that a reservation, which
-- takes a ticket out of them, writes none of them. Tickets without an event are in none either.
create index tickets_starting on tickets (status, event_starts_at, id)
    where event_starts_at is not null;
create index tickets_event_price on tickets (event_id, price_minor, id)
    where status = 'available' and event_id is not null;
create index tickets_category_newest on tickets (event_category, created_at desc, id desc)
    where status = 'available' and event_category is not null;
create index tickets_category_price on tickets (event_category, price_minor, id)
    where status = 'available' and event_category is not null;
create index tickets_category_starting on tickets (event_category, event_starts_at, id)
    where status = 'available' and event_category is not null;
create index tickets_city_newest on tickets (event_city_key, created_at desc, id desc)
    where status = 'available' and event_city_key is not null;
create index tickets_city_price on tickets (event_city_key, price_minor, id)
    where status = 'available' and event_city_key is not null;
create index tickets_city_starting on tickets (event_city_key, event_starts_at, id)
    where status = 'available' and event_city_key is not null;

-- Words are looked for in the event's name, venue and city, too. Until the previous release is gone
-- its searches read more; they find the same.
drop index tickets_words;
create index tickets_words on tickets using gin (to_tsvector('simple',
    title || ' ' || coalesce(event_name, '') || ' ' || coalesce(event_venue, '') || ' '
        || coalesce(event_city, '')));
