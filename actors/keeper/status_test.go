package keeper

import (
	"errors"
	"testing"
	"time"

	"sluice/limits"
)

func TestStatus(t *testing.T) {
	s := StatusOf(limits.BucketView{Owned: 7, Open: 5, InUse: 4, Waiting: 3, Oldest: 1500 * time.Millisecond, Spare: 2, Borrowed: 1, Lent: 6})
	if want := (Status{7, 5, 4, 3, 1500, 2, 1, 6}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	if got, err := DecodeStatus(s.Encode()); err != nil || got != s {
		t.Errorf("decoded %+v, %v", got, err)
	}
	if got, err := DecodeStatus([]byte("[7,5,4,3,1500,2,1,6,99]")); err != nil || got != s {
		t.Errorf("of a later version: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "[]", "[1,2,3,4,5,6,7]", "[1,2,3,4,5,6,7,-8]", "{}", "null", "[1,2,3,4,5,6,7,8.5]", `["1",2,3,4,5,6,7,8]`} {
		if _, err := DecodeStatus([]byte(bad)); !errors.Is(err, ErrStatus) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzStatus(f *testing.F) {
	f.Add(Status{1, 2, 3, 4, 5, 6, 7, 8}.Encode())
	f.Add([]byte("[1,2,3,4,5,6,7,8,9]"))
	f.Add([]byte("[99999999999999999999,0,0,0,0,0,0,0]"))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeStatus(b)
		if err != nil {
			if !errors.Is(err, ErrStatus) {
				t.Errorf("%v is no ErrStatus", err)
			}
			return
		}
		if again, err := DecodeStatus(s.Encode()); err != nil || again != s {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}
