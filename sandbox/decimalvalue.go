package sandbox

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"sluice/sandbox/tsql"
)

// maxDecimalBytes is the width of the largest decimal's digits.
const maxDecimalBytes = 16

// unscaled returns d's digits at another scale, rounded half away from zero.
func unscaled(d tsql.Decimal, scale byte) (*big.Int, error) {
	n, ok := new(big.Int).SetString(d.Unscaled, 10)
	if !ok {
		return nil, fmt.Errorf("sandbox: decimal digits %q", d.Unscaled)
	}
	ten := big.NewInt(10)
	switch {
	case scale > d.Scale:
		n.Mul(n, new(big.Int).Exp(ten, big.NewInt(int64(scale-d.Scale)), nil))
	case scale < d.Scale:
		div := new(big.Int).Exp(ten, big.NewInt(int64(d.Scale-scale)), nil)
		half := new(big.Int).Rsh(div, 1)
		if n.Sign() < 0 {
			half.Neg(half)
		}
		n.Quo(n.Add(n, half), div)
	}
	return n, nil
}

// appendDecimal appends sign and digits of d at a scale, size bytes in all.
func appendDecimal(dst []byte, d tsql.Decimal, scale byte, size int) ([]byte, error) {
	sign := byte(1)
	if size == 9 || size == 5 {
		n, err := strconv.ParseInt(d.Unscaled, 10, 64)
		if n < 0 {
			sign, n = 0, -n
		}
		if err == nil && d.Scale == scale && (size == 9 || n <= math.MaxUint32) {
			return appendUintN(append(dst, sign), uint64(n), size-1), nil
		}
		sign = 1
	}
	n, err := unscaled(d, scale)
	if err != nil {
		return dst, err
	}
	if n.Sign() < 0 {
		sign = 0
	}
	var digits [maxDecimalBytes]byte
	if size < 1 || size > len(digits)+1 || n.BitLen() > 8*(size-1) {
		return dst, fmt.Errorf("sandbox: decimal %s does not fit %d bytes", d.Unscaled, size)
	}
	n.FillBytes(digits[:])
	slices.Reverse(digits[:])
	return append(append(dst, sign), digits[:size-1]...), nil
}

// decodeDecimal reads sign and digits.
func decodeDecimal(b []byte, scale byte) (tsql.Decimal, error) {
	if len(b) < 2 || len(b) > 1+maxDecimalBytes {
		return tsql.Decimal{}, fmt.Errorf("%w: decimal of %d bytes", errProtocol, len(b))
	}
	digits := slices.Clone(b[1:])
	slices.Reverse(digits)
	s := new(big.Int).SetBytes(digits).String()
	if b[0] == 0 && s != "0" {
		s = "-" + s
	}
	return tsql.Decimal{Unscaled: s, Scale: scale}, nil
}

// toMoney converts the values that a money column may be given.
func toMoney(v tsql.Value) (int64, error) {
	const moneyScale = 4
	switch v := v.(type) {
	case tsql.Money:
		return int64(v), nil
	case int64:
		return v * 10_000, nil
	case tsql.Decimal:
		n, err := unscaled(v, moneyScale)
		if err == nil && !n.IsInt64() {
			err = fmt.Errorf("sandbox: money %s is out of range", v.Unscaled)
		}
		if err != nil {
			return 0, err
		}
		return n.Int64(), nil
	}
	return 0, mismatch("money", v)
}

// toDecimal converts the values that a decimal column may be given.
func toDecimal(v tsql.Value) (tsql.Decimal, error) {
	switch v := v.(type) {
	case tsql.Decimal:
		return v, nil
	case int64:
		return tsql.Decimal{Unscaled: strconv.FormatInt(v, 10)}, nil
	case tsql.Money:
		return tsql.Decimal{Unscaled: strconv.FormatInt(int64(v), 10), Scale: 4}, nil
	}
	return tsql.Decimal{}, mismatch("decimal", v)
}

// precisionOf is the number of digits of d, at least its scale and 1.
func precisionOf(d tsql.Decimal) byte {
	return byte(max(len(strings.TrimPrefix(d.Unscaled, "-")), int(d.Scale), 1))
}

func mismatch(want string, v tsql.Value) error {
	return fmt.Errorf("sandbox: %T as a value of type %s", v, want)
}
