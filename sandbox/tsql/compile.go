package tsql

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// ectx is what the evaluation of an expression can see.
type ectx struct {
	ctx  context.Context
	s    *Session
	f    *frame
	leaf []Value // current values of the statement's leaves, by slot
	now  time.Time
}

type evalFn func(*ectx) (Value, error)

// leaf is a value that only SQLite can supply: a column, an aggregate, a
// window function or a subquery.
type leaf struct {
	slot int
	sql  string
	t    typ
	col  int // of a row-bound expression: index of the column
}

// bexpr is a bound expression. It can always be computed in Go from its leaves;
// if sql is set SQLite can compute it too, with the same result.
type bexpr struct {
	t        typ
	nullable bool
	eval     evalFn
	sql      string
	leaves   []*leaf
	volatile bool // NEWID(), RAND(): another value in every row
	literal  bool // a literal or the negative of one
	name     string
	identity bool
}

// site is a place in the SQL text where SQLite calls back to evaluate e.
type site struct {
	e *bexpr
}

// compiler turns one statement into SQLite text. A parameter ?1 is the number
// of the execution, the others are the values of params.
type compiler struct {
	s      *Session
	f      *frame
	sites  []site
	nleaf  int
	params []*bexpr
	prefix []string // common table expressions of the whole statement
	nalias int
	tables []*table   // tables read
	top    *querySpec // of the statement itself
}

func (c *compiler) alias() string {
	c.nalias++
	return "t" + strconv.Itoa(c.nalias)
}

// newLeaf is an expression that SQLite computes as sql.
func (c *compiler) newLeaf(sql string, t typ, nullable bool) *bexpr {
	l := &leaf{slot: c.nleaf, sql: sql, t: t, col: -1}
	c.nleaf++
	return &bexpr{t: t, nullable: nullable, sql: sql, leaves: []*leaf{l}, eval: func(e *ectx) (Value, error) {
		return e.leaf[l.slot], nil
	}}
}

// constant is an expression with a fixed value.
func constant(v Value, t typ) *bexpr {
	return &bexpr{t: t, nullable: v == nil, literal: true, eval: func(*ectx) (Value, error) { return v, nil }}
}

// compose is an expression over args.
func compose(t typ, args []*bexpr, eval evalFn) *bexpr {
	e := &bexpr{t: t, eval: eval}
	for _, a := range args {
		e.nullable = e.nullable || a.nullable
		e.volatile = e.volatile || a.volatile
		e.leaves = appendLeaves(e.leaves, a.leaves)
	}
	return e
}

// composeStrict is an operation on two operands that is NULL if either is: the
// right one is not looked at if the left one is NULL.
func composeStrict(t typ, l, r *bexpr, op func(a, b Value) (Value, error)) *bexpr {
	return compose(t, []*bexpr{l, r}, func(x *ectx) (Value, error) {
		a, err := l.eval(x)
		if err != nil || a == nil {
			return nil, err
		}
		b, err := r.eval(x)
		if err != nil || b == nil {
			return nil, err
		}
		return op(a, b)
	})
}

func appendLeaves(list, more []*leaf) []*leaf {
	for _, l := range more {
		dup := false
		for _, have := range list {
			dup = dup || have == l
		}
		if !dup {
			list = append(list[:len(list):len(list)], l)
		}
	}
	return list
}

// sqlOf is the SQLite text that computes e in its stored form: itself if there
// is one, a parameter if it is the same for all rows, else a call back to Go.
func (c *compiler) sqlOf(e *bexpr) string {
	if e.sql != "" {
		return e.sql
	}
	if len(e.leaves) == 0 && !e.volatile {
		c.params = append(c.params, e)
		return "?" + strconv.Itoa(len(c.params)+1)
	}
	fn := "x"
	if e.volatile {
		fn = "xv"
	}
	var b strings.Builder
	b.WriteString(fn + "(?1," + strconv.Itoa(len(c.sites)))
	c.sites = append(c.sites, site{e})
	for _, l := range e.leaves {
		b.WriteByte(',')
		b.WriteString(l.sql)
	}
	b.WriteByte(')')
	return b.String()
}

// collated is sqlOf with the collation that strings are compared by.
func (c *compiler) collated(e *bexpr) string {
	s := c.sqlOf(e)
	if e.t.isString() {
		return s + " COLLATE tsql"
	}
	return s
}

// source is a table, view, subquery or function in a FROM clause.
type source struct {
	alias string // as the statement calls it, lower case
	name  tableName
	sql   string // SQLite alias
	cols  []scol
	table *table // base tables only
}

// scol is a column of a source.
type scol struct {
	name     string
	t        typ
	nullable bool
	identity bool
	sql      string
	index    int
}

// scope is where the columns of a query specification are looked up.
type scope struct {
	parent  *scope
	sources []*source
	ctes    map[string]*cteInfo
	grouped bool
	inAgg   int
	groups  []groupKey
	// aggregates: forbidden (WHERE, ON) when false.
	aggregates bool
}

type groupKey struct {
	key string
	e   *bexpr
}

// cteInfo is a common table expression in scope.
type cteInfo struct {
	sql  string
	cols []scol
}

func (sc *scope) cte(name string) *cteInfo {
	for s := sc; s != nil; s = s.parent {
		if c, ok := s.ctes[name]; ok {
			return c
		}
	}
	return nil
}

// find looks a column up in the scope and those around it.
func (sc *scope) find(parts []string) (*scol, *source, *scope, error) {
	name := strings.ToLower(parts[len(parts)-1])
	qualifier := parts[:len(parts)-1]
	for s := sc; s != nil; s = s.parent {
		var found *scol
		var from *source
		for _, src := range s.sources {
			if len(qualifier) > 0 && !src.matches(qualifier) {
				continue
			}
			for i := range src.cols {
				if strings.EqualFold(src.cols[i].name, name) {
					if found != nil {
						return nil, nil, nil, abortf(209, "Ambiguous column name '%s'.", parts[len(parts)-1])
					}
					found, from = &src.cols[i], src
					break
				}
			}
		}
		if found != nil {
			return found, from, s, nil
		}
	}
	if len(qualifier) > 0 {
		for s := sc; s != nil; s = s.parent {
			for _, src := range s.sources {
				if src.matches(qualifier) {
					return nil, nil, nil, errNoColumn(parts[len(parts)-1])
				}
			}
		}
		return nil, nil, nil, abortf(4104, `The multi-part identifier "%s" could not be bound.`, strings.Join(parts, "."))
	}
	return nil, nil, nil, errNoColumn(parts[0])
}

// matches reports whether a qualifier means this source.
func (src *source) matches(q []string) bool {
	last := strings.ToLower(q[len(q)-1])
	if len(q) == 1 {
		return src.alias == last
	}
	if src.alias != "" && src.alias != strings.ToLower(src.name.name) {
		return false
	}
	if strings.ToLower(src.name.name) != last {
		return false
	}
	schema := src.name.schema
	if schema == "" {
		schema = "dbo"
	}
	return q[len(q)-2] == "" || strings.EqualFold(schema, q[len(q)-2])
}
