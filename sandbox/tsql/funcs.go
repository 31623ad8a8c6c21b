package tsql

import (
	"strconv"
	"strings"
)

// scalarFunc is a built-in function over plain values.
type scalarFunc struct {
	min, max int // arguments; max < 0: any number
	// args are the parameter types, the last one repeated: s any string (kept),
	// n nvarchar(max), i int, b bigint, f float, a anything as it is.
	args    string
	typ     func(args []*bexpr) typ
	nulls   bool // called with NULL arguments; else NULL is the answer
	never   bool // never NULL
	changes bool // another value for every row
	eval    func(x *ectx, v []Value, t []typ) (Value, error)
}

func fixed(t typ) func([]*bexpr) typ { return func([]*bexpr) typ { return t } }

// bindFunc binds a function call by its name.
func (c *compiler) bindFunc(x *funcExpr, sc *scope) (*bexpr, error) {
	name := strings.TrimPrefix(x.name, "SYS.")
	if aggregateNames[name] || windowNames[name] {
		if name != x.name {
			x = &funcExpr{name: name, args: x.args, distinct: x.distinct, over: x.over, within: x.within, line: x.line}
		}
		return c.bindAggregate(x, sc)
	}
	if special, ok := c.s.eng.specials[name]; ok {
		return special(c, x, sc)
	}
	if datePartFuncs[name] {
		return c.bindDateFunc(name, x, sc)
	}
	f, ok := c.s.eng.funcs[name]
	if !ok {
		if strings.Contains(name, ".") {
			return nil, abortf(4121, `Cannot find either column "%s" or the user-defined function or aggregate "%s", or the name is ambiguous.`, strings.ToLower(name[:strings.IndexByte(name, '.')]), strings.ToLower(name))
		}
		return nil, abortf(195, "'%s' is not a recognized built-in function name.", strings.ToLower(name)).class(15).state(10)
	}
	if len(x.args) < f.min || f.max >= 0 && len(x.args) > f.max {
		if f.min == f.max {
			return nil, abortf(174, "The %s function requires %d argument(s).", strings.ToLower(name), f.min).class(15)
		}
		return nil, abortf(189, "The %s function requires %d to %d arguments.", strings.ToLower(name), f.min, f.max).class(15)
	}
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	for i := range args {
		if args[i], err = c.coerceArg(args[i], f.args[min(i, len(f.args)-1)]); err != nil {
			return nil, err
		}
	}
	return c.call(f, args), nil
}

func (c *compiler) coerceArg(e *bexpr, kind byte) (*bexpr, error) {
	switch kind {
	case 's':
		if e.t.isString() {
			return e, nil
		}
		return c.coerce(e, varchar(textWidth(e.t)))
	case 'n':
		return c.coerce(e, tNVarCharMax)
	case 'i':
		return c.coerce(e, tInt)
	case 'b':
		return c.coerce(e, tBigInt)
	case 'f':
		return c.coerce(e, tFloat)
	}
	return e, nil
}

// textWidth is the length of the longest text a type converts to.
func textWidth(t typ) int {
	switch {
	case t.isBinary() || t.isString():
		return t.size
	case t.kind == kGUID:
		return 36
	case t.isDecimal():
		return int(t.prec) + 3
	case t.isFloat():
		return 24
	case t.isDateTime():
		return 34
	}
	return 20
}

func (c *compiler) call(f scalarFunc, args []*bexpr) *bexpr {
	types := make([]typ, len(args))
	for i, a := range args {
		types[i] = a.t
	}
	e := compose(f.typ(args), args, func(x *ectx) (Value, error) {
		vals := make([]Value, len(args))
		for i, a := range args {
			v, err := a.eval(x)
			if err != nil || v == nil && !f.nulls {
				return nil, err
			}
			vals[i] = v
		}
		return f.eval(x, vals, types)
	})
	e.nullable = !f.never
	e.volatile = e.volatile || f.changes
	return e
}

// evalStrings evaluates string arguments; nil if one of them is NULL.
func evalStrings(x *ectx, args []*bexpr) ([]string, error) {
	out := make([]string, len(args))
	for i, a := range args {
		v, err := a.eval(x)
		if err != nil || v == nil {
			return nil, err
		}
		out[i], _ = v.(string)
	}
	return out, nil
}

type specialFunc func(c *compiler, x *funcExpr, sc *scope) (*bexpr, error)

// specialFuncs are the functions with binding rules of their own.
func specialFuncs() map[string]specialFunc {
	return map[string]specialFunc{
		"COALESCE": bindCoalesce, "ISNULL": bindIsNullFunc, "NULLIF": bindNullIf, "IIF": bindIIF, "CHOOSE": bindChoose,
		"CURRENT_TIMESTAMP": aliasOf("GETDATE"), "CURRENT_USER": aliasOf("USER_NAME"), "SESSION_USER": aliasOf("USER_NAME"),
		"USER": aliasOf("USER_NAME"), "SYSTEM_USER": aliasOf("SUSER_SNAME"), "SESSION_CONTEXT": bindSessionContext,
		"SERVERPROPERTY": bindServerProperty, "AT TIME ZONE": bindAtTimeZone, "RAND": bindRand, "GROUPING": bindGrouping,
		"LEFT": bindFixedWidth, "RIGHT": bindFixedWidth, "REPLICATE": bindFixedWidth, "SPACE": bindFixedWidth,
	}
}

func aliasOf(name string) specialFunc {
	return func(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
		return c.bindFunc(&funcExpr{name: name}, sc)
	}
}

func argCount(x *funcExpr, lo, hi int) error {
	if n := len(x.args); n < lo || hi >= 0 && n > hi {
		return abortf(174, "The %s function requires %d argument(s).", strings.ToLower(x.name), lo).class(15)
	}
	return nil
}

func bindCoalesce(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 1, -1); err != nil {
		return nil, err
	}
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	t := tNull
	nullable := true
	for _, a := range args {
		t = commonType(t, a.t)
		nullable = nullable && a.nullable
	}
	for i := range args {
		if args[i], err = c.coerce(args[i], t); err != nil {
			return nil, err
		}
	}
	e := compose(t, args, func(x *ectx) (Value, error) {
		for _, a := range args {
			if v, err := a.eval(x); v != nil || err != nil {
				return v, err
			}
		}
		return nil, nil
	})
	e.nullable = nullable
	return e, nil
}

// bindIsNullFunc binds ISNULL, whose type is that of the first argument.
func bindIsNullFunc(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 2, 2); err != nil {
		return nil, err
	}
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	t := args[0].t
	if t.isNull() {
		t = args[1].t
	}
	a := args[0]
	b, err := c.coerce(args[1], t)
	if err != nil {
		return nil, err
	}
	e := compose(t, []*bexpr{a, b}, func(x *ectx) (Value, error) {
		if v, err := a.eval(x); v != nil || err != nil {
			return v, err
		}
		return b.eval(x)
	})
	e.nullable = a.nullable && b.nullable
	return e, nil
}

func bindNullIf(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 2, 2); err != nil {
		return nil, err
	}
	a, b, err := c.bindPair(x.args[0], x.args[1], sc)
	if err != nil {
		return nil, err
	}
	eq, err := c.compare("=", a, b)
	if err != nil {
		return nil, err
	}
	e, err := c.choose([]*bexpr{eq}, []*bexpr{constant(nil, tNull), a})
	if err == nil {
		e.nullable = true
	}
	return e, err
}

func bindIIF(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 3, 3); err != nil {
		return nil, err
	}
	cond, err := c.bindCond(x.args[0], sc)
	if err != nil {
		return nil, err
	}
	vals, err := c.bindAll(x.args[1:], sc)
	if err != nil {
		return nil, err
	}
	return c.choose([]*bexpr{cond}, vals)
}

func bindChoose(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	if err := argCount(x, 2, -1); err != nil {
		return nil, err
	}
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	var conds []*bexpr
	for i := range args[1:] {
		eq, err := c.compare("=", args[0], constant(int64(i+1), tInt))
		if err != nil {
			return nil, err
		}
		conds = append(conds, eq)
	}
	e, err := c.choose(conds, append(args[1:], constant(nil, tNull)))
	if err == nil {
		e.nullable = true
	}
	return e, err
}

// bindGrouping binds GROUPING(), always 0 without ROLLUP and CUBE.
func bindGrouping(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	return constant(int64(0), tTinyInt), argCount(x, 1, 1)
}

// bindFixedWidth binds LEFT, RIGHT, REPLICATE and SPACE, whose length follows
// from a literal argument.
func bindFixedWidth(c *compiler, x *funcExpr, sc *scope) (*bexpr, error) {
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	want := 2
	if x.name == "SPACE" {
		want = 1
	}
	if err := argCount(x, want, want); err != nil {
		return nil, err
	}
	last := want - 1
	n := -1
	if args[last].literal {
		if v, err := args[last].eval(nil); err == nil {
			if k, ok := toInt(v); ok {
				n = int(k)
			}
		}
	}
	for i, kind := range []byte{'s', 'b'}[2-want:] {
		if args[i], err = c.coerceArg(args[i], kind); err != nil {
			return nil, err
		}
	}
	t := varchar(8000)
	if want == 2 {
		t = variable(args[0].t)
	}
	limit := 8000
	if t.isNational() {
		limit = 4000
	}
	if !t.isMax() && t.kind != kXML {
		switch {
		case x.name == "REPLICATE" && n >= 0 && t.size > 0:
			t.size = max(1, min(limit, n*t.size))
		case x.name == "SPACE" && n >= 0:
			t.size = max(1, min(limit, n))
		case x.name == "REPLICATE" || x.name == "SPACE":
			t.size = limit
		case n >= 0:
			t.size = max(1, min(n, t.size))
		}
	}
	name := x.name
	e := compose(t, args, func(x *ectx) (Value, error) {
		v, err := args[last].eval(x)
		if err != nil || v == nil {
			return nil, err
		}
		n := int(v.(int64))
		if name == "SPACE" {
			if n < 0 {
				return nil, nil
			}
			return strings.Repeat(" ", min(n, 8000)), nil
		}
		sv, err := args[0].eval(x)
		if err != nil || sv == nil {
			return nil, err
		}
		s, _ := sv.(string)
		if n < 0 {
			if name == "REPLICATE" {
				return nil, nil
			}
			return nil, abortf(536, "Invalid length parameter passed to the %s function.", strings.ToLower(name))
		}
		switch name {
		case "REPLICATE":
			if !t.isMax() && len(s) > 0 {
				n = min(n, limit/max(1, strLen(s, t))+1)
				return cutString(strings.Repeat(s, n), limit, t), nil
			}
			if n*len(s) > 1<<28 {
				return nil, abortf(7143, "The result of REPLICATE is too large.")
			}
			return strings.Repeat(s, n), nil
		case "LEFT":
			return cutString(s, n, t), nil
		}
		return lastUnits(s, n, t), nil
	})
	e.nullable = true
	return e, nil
}

// lastUnits returns the last n characters of s.
func lastUnits(s string, n int, t typ) string {
	if k := strLen(s, t); k > n {
		return s[len(cutString(s, k-n, t)):]
	}
	return s
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
