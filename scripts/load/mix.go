package load

import (
	"fmt"
	"math/rand/v2"
)

// Kind is a kind of operation.
type Kind string

// Kinds of operations. Connect is the making of a connection, which no mix has.
const (
	Connect     Kind = "connect"
	Simple      Kind = "simple"      // a batch of plain text
	ExecuteSQL  Kind = "executesql"  // the same with parameters, by sp_executesql
	Prepared    Kind = "prepared"    // the same with a handle, by sp_prepare and sp_execute
	Transaction Kind = "transaction" // begin, read, write, read, commit or roll back
	Procedure   Kind = "procedure"   // a stored procedure with an output parameter
	DDL         Kind = "ddl"         // create, fill, read and drop a table
)

// kinds is their order in reports.
var kinds = []Kind{Connect, Simple, ExecuteSQL, Prepared, Transaction, Procedure, DDL}

// Mix is how many operations of a hundred are of each kind.
type Mix map[Kind]int

// NamedMix returns the mix of a name: a kind alone, or "mixed". What mixed does
// not include goes to simple operations.
func NamedMix(name string, procedures, ddl bool) (Mix, error) {
	m := Mix{}
	switch k := Kind(name); k {
	case Simple, ExecuteSQL, Prepared, Transaction:
		m[k] = 100
	case "mixed":
		m = Mix{Simple: 60, Prepared: 15, Transaction: 15, Procedure: 5, DDL: 5}
		if !procedures {
			m.give(Procedure, Simple)
		}
		if !ddl {
			m.give(DDL, Simple)
		}
	default:
		return nil, fmt.Errorf("%w: no mix %q", ErrConfig, name)
	}
	return m, nil
}

// give moves the share of one kind to another.
func (m Mix) give(from, to Kind) {
	m[to] += m[from]
	delete(m, from)
}

func (m Mix) check() error {
	sum := 0
	for k, share := range m {
		if share < 0 || k == Connect || operation(k) == nil {
			return fmt.Errorf("%w: %d%% of %q", ErrConfig, share, k)
		}
		sum += share
	}
	if sum != 100 {
		return fmt.Errorf("%w: the shares of the mix are %d%% together", ErrConfig, sum)
	}
	return nil
}

// pick chooses a kind by its share.
func (m Mix) pick(rng *rand.Rand) Kind {
	n := rng.IntN(100)
	for _, k := range kinds {
		if n -= m[k]; n < 0 {
			return k
		}
	}
	return Simple
}
