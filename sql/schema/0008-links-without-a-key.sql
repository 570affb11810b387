-- 0008: a link's token is known by its SHA-256, which needs no key, so the installation's secret can be rotated.

-- Null: a link of the release before, known by secret_hash alone. That release also reads the links of this one, so secret_hash
-- goes one release later. NOT VALID spares a look at all links while nobody can use one; in those there are it is null.
ALTER TABLE file_link ADD COLUMN token_hash bytea;
ALTER TABLE file_link ADD CONSTRAINT token_hash_size CHECK (octet_length(token_hash) = 32) NOT VALID;
