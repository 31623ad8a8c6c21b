package redisd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// scripts are run on Redis and here, on an empty database each, with the key
// {k} and the arguments a and 7.
var scripts = []string{
	// Replies.
	"return 1", "return 3.99", "return -3.99", "return 'x'", "return true", "return false", "return nil", "return",
	"return {1, 'a', {2, {}}, false, 5}", "return {1, nil, 3}", "return {}", "return {a = 1}", "return {1, 2, a = 3}",
	"return print", "return {1, print, 2}", "return cjson.null", "return 1, 2", "local x = 5 -- no end", "return 9007199254740993",
	"return KEYS[1] .. ARGV[1] .. #ARGV .. (ARGV[2] + 1)", "return {ok = 'fine'}", "return {err = 'MY own'}",
	"return redis.status_reply('OK then')", "return redis.error_reply('EPOCH 3 abc')", "return redis.error_reply('single')",
	"return redis.error_reply('-DASH x')", "return {redis.status_reply('a'), redis.error_reply('E b')}",
	"local t = {} for i = 1, 500 do t[i] = i end return t", "return redis.sha1hex('x')", "return {ok = 5}", "return {err = 5}",

	// Hashes and keys.
	"return redis.call('HSET', KEYS[1], 'a', 1, 'b', 'two', 'c', '')",
	"redis.call('HSET', KEYS[1], 'a', 1) redis.call('HSET', KEYS[1], 'a', 2, 'b', 3) return redis.call('HMGET', KEYS[1], 'a', 'x', 'b')",
	"redis.call('HSET', KEYS[1], 'a', 1) return {redis.call('HGET', KEYS[1], 'a'), redis.call('HGET', KEYS[1], 'x'), redis.call('HGET', 'none', 'x')}",
	"return type(redis.call('HGET', KEYS[1], 'x'))", "return redis.call('HGET', KEYS[1], 'x') == false and 1 or 0",
	"redis.call('HSET', KEYS[1], 'a', 1, 'b', 2) return {redis.call('HDEL', KEYS[1], 'a', 'x'), redis.call('HLEN', KEYS[1]), redis.call('HDEL', KEYS[1], 'b'), redis.call('EXISTS', KEYS[1]), redis.call('HLEN', KEYS[1])}",
	"redis.call('HSET', KEYS[1], 'a', 1, 'b', 2) return redis.call('HGETALL', KEYS[1])", "return redis.call('HGETALL', KEYS[1])",
	"redis.call('HSET', KEYS[1], 'a', 1, 'b', 2) return redis.call('HKEYS', KEYS[1])", "return redis.call('HKEYS', KEYS[1])",
	"return redis.call('HMGET', KEYS[1], 'a', 'b')", "return {redis.call('DEL', KEYS[1], 'x'), redis.call('EXISTS', KEYS[1], 'x')}",
	"redis.call('SET', KEYS[1], 1) return {redis.call('DEL', KEYS[1]), redis.call('EXISTS', KEYS[1])}",
	"local t = redis.call('TYPE', KEYS[1]) return {type(t), t.ok or t}", "redis.call('HSET', KEYS[1], 'a', 1) return redis.call('TYPE', KEYS[1])",
	"local r = redis.call('SET', KEYS[1], 1) return {type(r), r.ok}", "return redis.call('HINCRBY', KEYS[1], 'a', 5)", "return redis.call('HEXISTS', KEYS[1], 'a')",
	"redis.call('hset', KEYS[1], 'a', 0.1, 'b', 1e15, 'c', -3, 'd', 123456789012, 'e', 1/3) return redis.call('HMGET', KEYS[1], 'a', 'b', 'c', 'd', 'e')",
	"local v = {'a', 'bin\\0\\255\\r\\n'} redis.call('HSET', KEYS[1], unpack(v)) return redis.call('HGET', KEYS[1], 'a')",

	// Errors.
	"redis.call('SET', KEYS[1], 1) return redis.call('HGET', KEYS[1], 'x')",
	"redis.call('SET', KEYS[1], 1)\nlocal a = 1\nlocal b = redis.call('HGET', KEYS[1], 'x')\nreturn b",
	"redis.call('SET', KEYS[1], 1) local r = redis.pcall('HGET', KEYS[1], 'x') return {type(r), r.err}",
	"redis.call('SET', KEYS[1], 1) return redis.pcall('HGET', KEYS[1], 'x')",
	"redis.call('SET', KEYS[1], 1) local ok, e = pcall(redis.call, 'HGET', KEYS[1], 'x') return {tostring(ok), type(e), e.err}",
	"redis.call('SET', KEYS[1], 1) local ok, e = pcall(redis.call, 'HGET', KEYS[1], 'x') error(e)",
	"return redis.call('NOSUCH')", "return redis.pcall('NOSUCH')", "return redis.call('HGET', KEYS[1])", "return redis.call()",
	"return redis.call('HSET', KEYS[1], 'a', {})", "return redis.call('HSET', KEYS[1], 'a', nil)", "return redis.call('HSET', KEYS[1], 'a', true)",
	"error('boom')", "\n\nerror('boom')", "error({err = 'MINE boom'})", "return nosuch", "nosuch = 1",
	"error('x', 0)", "local function f()\nerror('x', 2) end\nlocal ok, e = pcall(function()\nlocal a = f() end) return e", "error()", "error(5)", "local ok, a, b = pcall(function() return 1, 2 end) return {a, b}",
	"local ok, e = pcall(function() error('in') end) return e", "local ok, e = pcall(function() error({code = 3}) end) return e.code",
	"local r = redis.pcall('HSET', KEYS[1], 'a') return r.err", "local ok, e = pcall(redis.call, 'HSET', KEYS[1]) return e", "return {type(rawget(_G, 'print')), type(rawget(_G, 'os')), type(rawget(_G, 'require'))}",
	"assert(false, 'no')", "assert(nil)", "local ok, e = pcall(error, 'x') return {tostring(ok), e}", "local function f() error('in f') end f()",
	"return redis.call('EVAL', 'return 1', 0)", "return redis.call('SCRIPT', 'LOAD', 'return 1')", "return redis.call('MULTI')",

	// cjson.
	"return cjson.encode({})", "return cjson.encode({1, 2, {3}})", "return cjson.encode({a = {}})", "return cjson.encode({a = 1})", "return cjson.encode({[1] = 'a', [3] = 'b'})",
	"return cjson.encode({[2] = 'b'})", "return cjson.encode({[1] = 1, a = 2}) == '{\"1\":1,\"a\":2}'", "return cjson.encode({[20] = 1})", "return cjson.encode({[1.5] = 1})",
	"return cjson.encode({[0] = 1})", "return cjson.encode({[true] = 1})", "return cjson.encode(print)", "return cjson.encode(1/0)", "return cjson.encode(nil)", "return cjson.encode()",
	"return cjson.encode('a/b\"c\\\\ \\1\\31\\127 \\n\\t\\r\\b\\f <&> \\195\\188 \\255')", "return cjson.encode(cjson.null)", "return cjson.encode(true)",
	"return cjson.encode({1, 0.5, 1e20, 123456789012345, -0.1, 1/3, 100000, 1e14, 1e15, 2^53})", "local t = {} return cjson.encode({t, t})",
	"return cjson.encode(cjson.decode('{\"a\":[1,2,{\"b\":null}]}'))", "return cjson.encode(cjson.decode('[]'))", "return #cjson.decode('[1,null,3]')", "return cjson.decode('[1,null,3]')[2] == cjson.null",
	"return type(cjson.decode('null'))", "return cjson.decode(' [ 1 , -2.5e1 , \"x\" , true , false ] ')", "return cjson.decode('\"\\\\u00fc\\\\ud83d\\\\ude00\\\\n\\\\/\\\\\\\\\"')",
	"return cjson.decode('{\"a\":1,\"b\":{\"c\":\"d\"}}').b.c", "return cjson.decode('7')", "return cjson.decode(7)", "local v = cjson.decode('{\"1\":2}') return {v[1] or 'none', v['1']}",
	"return cjson.decode('')", "return cjson.decode('{')", "return cjson.decode('[1,]')", "return cjson.decode('[1 2]')", "return cjson.decode('{\"a\" 1}')", "return cjson.decode('x')", "return cjson.decode('[1]x')", "return cjson.decode('{a:1}')",
	"return cjson.decode('\"a')", "return cjson.decode('\"\\\\x\"')", "return cjson.decode({})", "local ok = pcall(cjson.decode, '{') return tostring(ok)", "return cjson.encode({a = false, b = 1}) ~= nil", "return cjson.decode(cjson.encode({a = 'x\\0y'})).a",
	"return cjson.decode('[1.5,1e3,12345678901234567890,0]')",

	// Lua 5.1.
	"return {tonumber('12'), tonumber(' 12 '), tonumber('0x10'), tonumber('1e3'), tonumber('z', 36), tonumber('12a') or 'none', tonumber('') or 'none'}",
	"return {tostring(12), tostring(1e14), tostring(1e15), tostring(0.1), tostring(-1/3), tostring(2^53), tostring(1/0), tostring(-1/0), tostring(nil), tostring(true)}",
	"return {1 .. '', 1234567890123 .. '', -5 .. '', 2^40 .. ''}", "return {5 % 3, -5 % 3, 5 % -3, math.floor(-2.5), math.ceil(2.1), math.min(3, 1, 2), math.max(1, 3), math.abs(-4), math.fmod(-5, 3)}",
	"return {string.format('%d %5d %-5d| %05d %s %q %x %.3f %g %%', 3, 4, 5, 6, 'x', 'a\"b', 255, 1.5, 0.1)}", "return string.format('%d', 3.7)", "return string.format('%d', '12')", "return string.format('%.14g %.17g %g', 1e15, 0.1, 1e20)",
	"return {('abc'):upper(), ('abc'):sub(2), ('abc'):sub(-2, -1), ('abc'):rep(2), ('abc'):len(), ('abc'):reverse(), ('abc'):byte(1, -1)}",
	"return {('a,b,,c'):find(',', 1, true), (('k=v'):match('(%w+)=(%w+)')), ('a.b'):gsub('%.', '-')}", "local t = {} for w in ('a b  c'):gmatch('%a+') do t[#t + 1] = w end return t", "return {('x:12:y'):match('^(%a):(%d+):(.*)$')}", "return {('  x '):match('^%s*(.-)%s*$')}",
	"local t = {3, 1, 2} table.sort(t) table.insert(t, 4) table.insert(t, 1, 0) return {table.concat(t, ','), table.remove(t), table.remove(t, 1), #t}", "local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t",
	"return {select('#', 1, nil, 3), select(2, 'a', 'b')}", "local t = setmetatable({}, {__index = function(_, k) return k .. '!' end}) return t.x", "return {unpack({1, 2, 3}, 2)}", "local n = 0 for _ in pairs({a = 1, b = 2}) do n = n + 1 end return n", "return {math.huge > 1, 0/0 ~= 0/0, 10 / 4, 7 / 2 * 2}",
	"local t = {} for i, v in ipairs({1, 2, nil, 4}) do t[i] = v end return #t", "return next({}) == nil", "return {type(string.gfind), type(math.pow), type(loadstring), type(table.getn), type(os.clock), type(bit) == 'table' and 1 or 1}", "return ('x'):rep(3, ',')", "local a = {n = 1} a.n = a.n + 1 return a.n", "return #ARGV[1]", "return tostring(ARGV[3])",
	"return ('%d'):format(2^31)", "return string.format('%d', 2^53)", "return 2^53", "return string.format('%.0f', 2^53)", "local t = {10, 20, 30} t[2] = nil return {#t > 0, t[3]}", "return {string.char(65, 66), ('\\65'), '\\z' == 'z'}", "return tonumber('abc', 16)", "return math.floor(3.0) == 3 and tostring(math.floor(3.7))", "return {tostring(3.0), tostring(-0), 3 / 1}",
}

// wordings are scripts whose error only the Lua in use words.
var wordings = []string{
	"return (", "return 1 return 2", "goto = ", "local a = nil\nreturn a.b", "return 1 + {}", "return 'a' < 1", "return redis.nosuch()", "return #5",
	"local t = {} t[1] = t return cjson.encode(t)", "return ('x'):rep(-1, 2)()", "return string.rep()",
}

// outcome writes a reply or an error of go-redis.
func outcome(v any, err error) string {
	if err == nil || errors.Is(err, redis.Nil) {
		return fmt.Sprintf("%#v", v)
	}
	return "error: " + err.Error()
}

func TestScriptsAnswerAsWithRedis(t *testing.T) {
	theirs, ours := client(t, realServer(t)), client(t, start(t).Addr())
	eval := func(c *redis.Client, script string) (evaluated, bySHA string) {
		keys, args := []string{"{k}"}, []any{"a", 7}
		if err := c.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		evaluated = outcome(c.Eval(t.Context(), script, keys, args...).Result())
		if err := c.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return evaluated, outcome(c.EvalSha(t.Context(), shaOf(script), keys, args...).Result())
	}
	for _, script := range scripts {
		want, wantSHA := eval(theirs, script)
		got, gotSHA := eval(ours, script)
		if got != want || gotSHA != wantSHA {
			t.Errorf("%s\n redis %s, %s\n ours  %s, %s", script, want, wantSHA, got, gotSHA)
		}
	}
	for _, script := range wordings {
		want, _ := eval(theirs, script)
		got, _ := eval(ours, script)
		if !strings.HasPrefix(got, "error: ERR") || !strings.HasPrefix(want, "error: ") {
			t.Errorf("%s\n redis %s\n ours  %s", script, want, got)
		}
	}
}

// Commands around scripts, each on a new connection after the ones before it.
func TestCommandsAnswerAsWithRedis(t *testing.T) {
	theirs, ours := client(t, realServer(t)), client(t, start(t).Addr())
	sha := shaOf("return ARGV[1]")
	for _, command := range []string{
		"EVALSHA " + sha + " 0 x", "SCRIPT EXISTS " + sha, "SCRIPT LOAD return_ARGV[1]", "EVALSHA " + sha + " 0 x", "EVALSHA " + strings.ToUpper(sha) + " 0 x",
		"SCRIPT EXISTS " + sha + " 0", "EVALSHA_RO " + sha + " 0 x", "EVAL_RO return_5 0", "EVAL return_1 1", "EVAL return_1 x", "EVAL return_1 -1", "EVALSHA " + sha + " 2 x",
		"SCRIPT FLUSH", "EVALSHA " + sha + " 0 x", "SCRIPT EXISTS " + sha, "HSET h a 1 b 2", "HGETALL h", "TYPE h", "SET h 1", "HGET h a", "DEL h h2", "HLEN h", "INFO nosuch",
		"CONFIG GET maxmemory-policy", "CONFIG GET min-replicas-max-lag", "CONFIG GET min-replicas-to-write", "CONFIG GET nosuch", "PING", "ECHO x", "DBSIZE", "FLUSHALL",
	} {
		var args []any
		for arg := range strings.FieldsSeq(command) {
			args = append(args, strings.ReplaceAll(arg, "_ARGV", " ARGV"))
			if strings.HasPrefix(arg, "return_") {
				args[len(args)-1] = strings.Replace(arg, "_", " ", 1)
			}
		}
		want, got := outcome(theirs.Do(t.Context(), args...).Result()), outcome(ours.Do(t.Context(), args...).Result())
		if got != want {
			t.Errorf("%s\n redis %s\n ours  %s", command, want, got)
		}
	}
}

func TestInfoAsWithRedis(t *testing.T) {
	const script = `
local info = redis.call('INFO', 'replication')
local id = string.match(info, 'master_replid:(%x+)')
return {string.match(info, 'role:(%a+)'), #id, string.match(info, '\nconnected_slaves:(%d+)'), string.sub(info, 1, 15), string.sub(info, -2)}`
	theirs, ours := client(t, realServer(t)), client(t, start(t).Addr())
	want, got := outcome(theirs.Eval(t.Context(), script, nil).Result()), outcome(ours.Eval(t.Context(), script, nil).Result())
	if got != want || !strings.Contains(got, "40") {
		t.Errorf("redis %s\nours  %s", want, got)
	}
	for _, section := range []string{"replication", "server", "REPLICATION", "memory"} {
		real, err := theirs.Info(t.Context(), section).Result()
		if err != nil {
			t.Fatal(err)
		}
		mine, err := ours.Info(t.Context(), section).Result()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(mine) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
			if !strings.Contains(real, "\n"+name+":") && !strings.HasPrefix(real, name) {
				t.Errorf("INFO %s: Redis has no %s", section, name)
			}
		}
	}
}
