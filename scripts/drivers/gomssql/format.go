package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/golang-sql/sqlexp"
	mssql "github.com/microsoft/go-mssqldb"
)

// longValue is the length in bytes above which a value is shown by length and hash.
const longValue = 200

// formatValue renders a scanned value; equal values render equally.
func formatValue(v any, dbType string) string {
	switch x := v.(type) {
	case nil:
		return "NULL"
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		if x == 0 && math.Signbit(x) {
			return "-0"
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	case string:
		return formatText(x)
	case time.Time:
		return x.Format("2006-01-02T15:04:05.999999999Z07:00")
	case []byte:
		switch dbType {
		case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY":
			return string(x)
		}
		return formatBytes(x)
	}
	return fmt.Sprintf("%T:%v", v, v)
}

func formatText(s string) string {
	if len(s) > longValue {
		return fmt.Sprintf("text(%d,%s)", len(s), hash([]byte(s)))
	}
	return strconv.Quote(s)
}

func formatBytes(b []byte) string {
	if len(b) > longValue {
		return fmt.Sprintf("bytes(%d,%s)", len(b), hash(b))
	}
	return "0x" + hex.EncodeToString(b)
}

// hash identifies a long value.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// describeError renders a server error by its fields and any other by its text.
func describeError(err error) string {
	var many mssql.Error
	if !errors.As(err, &many) {
		return "client error: " + err.Error()
	}
	all := many.All
	if len(all) == 0 {
		all = []mssql.Error{many}
	}
	parts := make([]string, len(all))
	for i, e := range all {
		parts[i] = fmt.Sprintf("error(%d,state %d,class %d,line %d,proc %q,%s)",
			e.Number, e.State, e.Class, e.LineNo, e.ProcName, strconv.Quote(e.Message))
	}
	return strings.Join(parts, " ")
}

// describeNotice renders an informational message.
func describeNotice(n sqlexp.MsgNotice) string {
	if e, ok := n.Message.(mssql.Error); ok {
		return fmt.Sprintf("info(%d,state %d,class %d,line %d,%s)", e.Number, e.State, e.Class, e.LineNo, strconv.Quote(e.Message))
	}
	return "info(" + strconv.Quote(n.Message.String()) + ")"
}

// errorNumber returns the number of a server error, or 0.
func errorNumber(err error) int32 {
	var e mssql.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// descriptor is the part of error 3971 that differs from run to run.
var descriptor = regexp.MustCompile(`Desc:[0-9a-f]+`)

// oneLine makes a text fit into one tab-separated field.
func oneLine(s string) string {
	s = descriptor.ReplaceAllString(s, "Desc:*")
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
}
