-- Included by apply.sql: applies the change that :change names once, in one transaction that locks the tables of :locks
-- first of all.
SELECT left(:'change', 4)::int AS number,
    NOT EXISTS (SELECT FROM schema_change WHERE number = left(:'change', 4)::int) AS todo \gset
\if :todo
\echo applying :change
BEGIN;
SELECT tables_lock(VARIADIC string_to_array(:'locks', ' ')) AS locked \gset
\ir :change.sql
INSERT INTO schema_change (number, name) VALUES (:number, :'change');
COMMIT;
\endif
