package prepared

import (
	"bytes"
	"errors"
	"testing"

	"sluice/tds"
)

// What a message that prepares was to free besides is not lost when it fails.
func TestGarbageSurvivesFailure(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	h := oneHandle(t, c.do(one, prepare("SELECT 1")))
	oneHandle(t, c.do(two, prepare("SELECT 2")))
	oneHandle(t, c.do(two, prepare("SELECT 2")))
	st := c.handles.held[0].stmt
	good := st.stmt
	st.stmt, two.aborts = tds.AppendUTF16(nil, "bad"), true
	if a := c.do(two, execute(h)); len(a.errors) != 1 || two.cache.Garbage() != 1 {
		t.Errorf("answer %+v, garbage %d", a, two.cache.Garbage())
	}
	st.stmt = good
	c.tran = 5 // where nothing may fail
	c.do(two, execute(h))
	if two.cache.Garbage() != 1 {
		t.Error("freed in a transaction")
	}
	c.tran = 0
	two.cache.remove(key{st, c.scope})
	if c.do(two, execute(h)); two.cache.Garbage() != 0 || len(two.handles) != 3 {
		t.Errorf("garbage %d, %d on the server", two.cache.Garbage(), len(two.handles))
	}
}

// A failed sp_prepare that ends the transaction says so to the client, whose
// connection is of no use if it changed one and succeeded.
func TestBeforeChangesTransaction(t *testing.T) {
	s, one, two := rig(t, Limits{})
	c := newClient(t, s)
	h := oneHandle(t, c.do(one, prepare("SELECT 1")))
	rollback := []byte{byte(tds.EnvRollbackTransaction), 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}
	for _, fails := range []bool{true, false} {
		payload := message(c.v, 7, execute(h))
		r, err := Inspect(payload, true, c.v)
		if err != nil {
			t.Fatal(err)
		}
		Decide(&r, &c.handles, nil)
		c.plan.Prepare(payload, &r, &c.handles, two.cache, c.scope, 7)
		body := (&tds.ServerError{Number: 208, Class: 16, Text: "no"}).Append(nil, c.v)[3:]
		if fails {
			_ = c.plan.BeforeToken(tds.TokenError, body)
		} else {
			rv := tds.ReturnValue{Status: 1, Type: intType, Value: []byte{4, 1, 0, 0, 0}}.Append(nil, c.v)
			_ = c.plan.BeforeToken(tds.TokenReturnValue, rv[1:])
		}
		_ = c.plan.BeforeToken(tds.TokenEnvChange, rollback)
		_ = c.plan.BeforeToken(tds.TokenDoneProc, nil)
		answer, err := c.plan.BeforeEnd(payload, &r)
		c.plan.End()
		if fails != (err == nil) || !fails && !errors.Is(err, ErrTransaction) {
			t.Errorf("fails %t: %v", fails, err)
		}
		if fails && !bytes.Contains(answer, rollback) {
			t.Errorf("answer %x", answer)
		}
	}
}
