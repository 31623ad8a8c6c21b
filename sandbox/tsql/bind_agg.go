package tsql

import (
	"database/sql/driver"
	"math"
	"math/big"
	"strings"

	"modernc.org/sqlite"
)

var aggregateNames = wordSet("COUNT COUNT_BIG SUM AVG MIN MAX STDEV STDEVP VAR VARP STRING_AGG CHECKSUM_AGG APPROX_COUNT_DISTINCT")

var windowNames = wordSet("ROW_NUMBER RANK DENSE_RANK NTILE LAG LEAD FIRST_VALUE LAST_VALUE PERCENT_RANK CUME_DIST")

// bindAggregate binds an aggregate or window function.
func (c *compiler) bindAggregate(x *funcExpr, sc *scope) (*bexpr, error) {
	if sc == nil || x.over == nil && !sc.grouped {
		return nil, abortf(147, "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a select list, and the column being aggregated is an outer reference.").class(15)
	}
	if x.over == nil {
		if sc.inAgg > 0 {
			return nil, abortf(130, "Cannot perform an aggregate function on an expression containing an aggregate or a subquery.").class(15)
		}
		sc.inAgg++
		defer func() { sc.inAgg-- }()
	}
	over, err := c.overSQL(x.over, sc)
	if err != nil {
		return nil, err
	}
	if windowNames[x.name] {
		return c.windowFunc(x, sc, over)
	}
	if len(x.args) == 0 {
		return nil, errSyntax(")")
	}
	if _, star := x.args[0].(*starExpr); star {
		if x.name != "COUNT" && x.name != "COUNT_BIG" {
			return nil, errSyntax("*")
		}
		return c.newLeaf("count(*)"+over, countType(x.name), false), nil
	}
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	a := args[0]
	distinct := ""
	if x.distinct {
		distinct = "DISTINCT "
	}
	switch x.name {
	case "COUNT", "COUNT_BIG":
		return c.newLeaf("count("+distinct+c.collated(a)+")"+over, countType(x.name), false), nil
	case "APPROX_COUNT_DISTINCT":
		return c.newLeaf("count(DISTINCT "+c.collated(a)+")"+over, tBigInt, false), nil
	case "MIN", "MAX":
		return c.newLeaf(strings.ToLower(x.name)+"("+c.collated(a)+")"+over, a.t, true), nil
	case "SUM", "AVG":
		return c.sumAvg(x.name, a, distinct, over)
	case "STRING_AGG":
		return c.stringAgg(x, args, sc, over)
	case "CHECKSUM_AGG":
		return nil, errUnsupported(x.name)
	}
	return c.deviation(x.name, a, over)
}

func countType(name string) typ {
	if name == "COUNT_BIG" {
		return tBigInt
	}
	return tInt
}

// overSQL is the OVER clause, with a leading blank.
func (c *compiler) overSQL(o *overClause, sc *scope) (string, error) {
	if o == nil {
		return "", nil
	}
	var b strings.Builder
	b.WriteString(" OVER (")
	for i, p := range o.partition {
		e, err := c.bindValue(p, sc)
		if err != nil {
			return "", err
		}
		if i == 0 {
			b.WriteString("PARTITION BY ")
		} else {
			b.WriteByte(',')
		}
		b.WriteString(c.collated(e))
	}
	for i, it := range o.order {
		e, err := c.bindValue(it.e, sc)
		if err != nil {
			return "", err
		}
		if i == 0 {
			b.WriteString(" ORDER BY ")
		} else {
			b.WriteByte(',')
		}
		b.WriteString(c.orderTerm(e, it.desc))
	}
	if o.frame != "" {
		b.WriteString(" " + o.frame)
	}
	return b.String() + ")", nil
}

func (c *compiler) windowFunc(x *funcExpr, sc *scope, over string) (*bexpr, error) {
	if x.over == nil {
		return nil, abortf(10753, "The function '%s' must have an OVER clause.", strings.ToLower(x.name)).class(15)
	}
	name := strings.ToLower(x.name)
	switch x.name {
	case "ROW_NUMBER", "RANK", "DENSE_RANK":
		if len(x.over.order) == 0 {
			return nil, abortf(4112, "The function '%s' must have an OVER clause with ORDER BY.", x.name).class(15)
		}
		return c.newLeaf(name+"()"+over, tBigInt, false), nil
	case "PERCENT_RANK", "CUME_DIST":
		return c.newLeaf(name+"()"+over, tFloat, false), nil
	}
	args, err := c.bindAll(x.args, sc)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return nil, errSyntax(")")
	}
	if x.name == "NTILE" {
		return c.newLeaf("ntile("+c.sqlOf(args[0])+")"+over, tBigInt, false), nil
	}
	t := args[0].t
	var parts []string
	for i, a := range args {
		if i == 2 {
			if a, err = c.coerce(a, t); err != nil {
				return nil, err
			}
		}
		parts = append(parts, c.sqlOf(a))
	}
	return c.newLeaf(name+"("+strings.Join(parts, ",")+")"+over, t, true), nil
}

// sumAvg binds SUM and AVG with the result types of T-SQL.
func (c *compiler) sumAvg(name string, a *bexpr, distinct, over string) (*bexpr, error) {
	t := a.t
	switch {
	case t.isDecimal():
		sum := c.newLeaf("dsum("+distinct+c.sqlOf(a)+")"+over, typ{kind: t.kind, prec: 38, scale: t.scale}, true)
		if name == "SUM" {
			return sum, nil
		}
		n := c.newLeaf("count("+distinct+c.sqlOf(a)+")"+over, tBigInt, false)
		r := typ{kind: t.kind, prec: 38, scale: max(t.scale, 6)}
		return compose(r, []*bexpr{sum, n}, func(x *ectx) (Value, error) {
			s, err := sum.eval(x)
			if err != nil || s == nil {
				return nil, err
			}
			k, err := n.eval(x)
			if err != nil {
				return nil, err
			}
			d, _ := toDecimal(k)
			return decimalOp("/", s.(Decimal), d, r)
		}), nil
	case t.isFloat():
		return c.newLeaf(strings.ToLower(name)+"("+distinct+c.sqlOf(a)+")"+over, tFloat, true), nil
	case t.isInt() && t.kind != kBit || t.isMoney():
		r := tInt
		if t.kind == kBigInt {
			r = tBigInt
		}
		if t.isMoney() {
			r = tMoney
		}
		arg := distinct + c.sqlOf(a)
		sql := "sum(" + arg + ")" + over
		if name == "AVG" {
			sql = "(sum(" + arg + ")" + over + "/count(" + arg + ")" + over + ")"
		}
		if r != tInt {
			return c.newLeaf(sql, r, true), nil
		}
		wide := c.newLeaf(sql, tBigInt, true)
		return c.coerce(wide, tInt)
	}
	return nil, abortf(8117, "Operand data type %s is invalid for %s operator.", kindNames[t.kind], strings.ToLower(name))
}

func (c *compiler) stringAgg(x *funcExpr, args []*bexpr, sc *scope, over string) (*bexpr, error) {
	if len(args) != 2 {
		return nil, abortf(174, "The string_agg function requires 2 argument(s).").class(15)
	}
	t := args[0].t
	if !t.isString() {
		t = nvarchar(4000)
	}
	a, err := c.coerce(args[0], variable(t))
	if err != nil {
		return nil, err
	}
	order := ""
	for i, it := range x.within {
		e, err := c.bindValue(it.e, sc)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			order = " ORDER BY "
		} else {
			order += ","
		}
		order += c.orderTerm(e, it.desc)
	}
	r := variable(t)
	if !r.isMax() {
		r.size = map[bool]int{true: 4000, false: 8000}[r.isNational()]
	}
	return c.newLeaf("group_concat("+c.sqlOf(a)+","+c.sqlOf(args[1])+order+")"+over, r, true), nil
}

// deviation binds VAR, VARP, STDEV and STDEVP from sums.
func (c *compiler) deviation(name string, a *bexpr, over string) (*bexpr, error) {
	f, err := c.coerce(a, tFloat)
	if err != nil {
		return nil, err
	}
	s := c.sqlOf(f)
	sum := c.newLeaf("sum("+s+")"+over, tFloat, true)
	squares := c.newLeaf("sum(("+s+")*("+s+"))"+over, tFloat, true)
	n := c.newLeaf("count("+s+")"+over, tBigInt, false)
	e := compose(tFloat, []*bexpr{sum, squares, n}, func(x *ectx) (Value, error) {
		k, _ := toInt(x.leaf[n.leaves[0].slot])
		sv, _ := toFloat(x.leaf[sum.leaves[0].slot])
		qv, _ := toFloat(x.leaf[squares.leaves[0].slot])
		div := float64(k)
		if !strings.HasSuffix(name, "P") {
			div--
		}
		if k == 0 || div <= 0 {
			return nil, nil
		}
		v := math.Max(0, (qv-sv*sv/float64(k))/div)
		if strings.HasPrefix(name, "STDEV") {
			v = math.Sqrt(v)
		}
		return v, nil
	})
	e.nullable = true
	return e, nil
}

// decimalSum is the SQLite aggregate dsum over stored decimals.
type decimalSum struct {
	sum  big.Int
	rows int
}

func (d *decimalSum) add(args []driver.Value, sign int) {
	if b, ok := args[0].([]byte); ok {
		n := decodeDecimal(b)
		if sign < 0 {
			n.Neg(n)
		}
		d.sum.Add(&d.sum, n)
		d.rows += sign
	}
}

func (d *decimalSum) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	d.add(args, 1)
	return nil
}

func (d *decimalSum) WindowInverse(_ *sqlite.FunctionContext, args []driver.Value) error {
	d.add(args, -1)
	return nil
}

func (d *decimalSum) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	if d.rows == 0 {
		return nil, nil
	}
	if d.sum.CmpAbs(pow10(38)) >= 0 {
		return nil, errOverflow(typ{kind: kNumeric})
	}
	return encodeDecimal(new(big.Int).Set(&d.sum)), nil
}

func (d *decimalSum) Final(*sqlite.FunctionContext) {}
