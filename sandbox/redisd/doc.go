// Package redisd stands in for Redis in the demo and in tests: a server inside
// the process, on miniredis, with what the ledger's scripts need besides: INFO
// with a replication id that changes at every start, also from inside a script,
// cjson and error replies as Redis 7.0 has them, and scripts that are forgotten
// when the server stops. It can be stopped, restarted with or without its data,
// paused and emptied.
//
// It is not Redis. What a script may not rely on:
//
//   - the order of pairs() and of HKEYS, HGETALL and the like, which differs;
//   - "..", table.concat and string.format("%s") with a number that has a
//     fraction or more than 14 digits: Redis writes %.14g, here all digits come
//     out (tostring is right);
//   - the libraries cmsgpack, bit and struct, which are not there;
//   - calls nested more than about 200 deep;
//   - the words of errors that Lua itself finds (indexing nil, syntax), and the
//     line in an error of "return redis.call(...)";
//   - a time limit for scripts, which there is not.
//
// INFO, CONFIG and SCRIPT answer at once inside MULTI instead of being queued.
package redisd
