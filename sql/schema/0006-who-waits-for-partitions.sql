-- 0006: making and dropping partitions waits less.

-- While it waits for its lock on session, all look-ups of sessions wait behind it; and a log-in that finds no partition
-- for its day calls it inside of a worker. It tries again at the next sweep.
ALTER FUNCTION partitions_keep(int) SET lock_timeout = '50ms';
