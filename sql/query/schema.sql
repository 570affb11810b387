-- name: schema_place
-- -> the database's name, whether mayfly's list of changes is in it
SELECT current_database(), to_regclass('schema_change') IS NOT NULL;

-- name: schema_list
-- -> number, name, when it was applied
SELECT number, name, to_iso(applied_at) FROM schema_change ORDER BY number;

-- name: schema_number
-- -> of the last change that was applied, 0: none; whether texts and bytes come as workers read them
SELECT coalesce(max(number), 0),
    current_setting('server_encoding') = 'UTF8' AND current_setting('client_encoding') = 'UTF8' AND current_setting('bytea_output') = 'hex'
FROM schema_change;
