-- Which attempt to pay the sale of an order stands on: what is heard late of an earlier one must not
-- undo it. Not known of those that were settled before.
alter table orders add column settled_for integer;
