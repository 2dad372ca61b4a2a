-- Indexes that plans cannot miss, and one less to keep for each message.

-- Who holds what is asked at every purchase. With `status` in the question a planner whose
-- statistics are from before the rush chose `tickets_price` and read everything that is reserved;
-- `reserved_until` alone says the same (a check holds them together) and leaves it one index.
drop index tickets_buyer;
create index tickets_buyer on tickets (buyer_id) where reserved_until is not null;

-- Unnamed rows are as unique as ever, since nulls differ. So one index finds both a named row to be
-- replaced and all rows of an actor; `on conflict ... where name is not null` infers it, too.
drop index inbox_name;
drop index inbox_actor;
create unique index inbox_name on inbox (key, name, kind);
