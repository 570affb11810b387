-- Included by apply.sql: only one apply.sql runs at a time.
SELECT pg_try_advisory_lock(hashtextextended('mayfly schema', 0)) AS mine \gset
\if :mine
\else
SELECT pg_sleep(1) AS waited \gset
\ir wait.sql
\endif
