// Package redisledger keeps the ledger of package limits in Redis: one hash for
// a fleet, and one script for each op, which runs there as a whole or not at
// all. The results are those of [limits.Ledger], to the last field.
//
// The hash has no time to live, and neither a clock nor the time of the server
// plays a part. All is in one key, so that what an operator, an eviction or a
// flush removes is the whole ledger, which is noticed, and never a part of it.
// The store's history is its replication id as INFO shows it, which changes
// whenever Redis is started or a replica becomes the master; where a managed
// server hides it, the id of the process is taken, and such a server must not
// fail over by itself.
//
// Redis 5 or newer will do. A user of its own needs the rights
//
//	~sluice:* +eval +evalsha +hget +hmget +hset +hdel +hkeys +info
//
// and maxmemory-policy should be noeviction.
package redisledger
