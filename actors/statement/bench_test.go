package statement

import (
	"strings"
	"testing"

	"sluice/tds"
)

const typical = `SELECT o.OrderID, o.CustomerID, o.OrderDate, c.CompanyName, SUM(d.Quantity * d.UnitPrice * (1 - d.Discount)) AS Total
FROM dbo.Orders AS o
INNER JOIN dbo.Customers AS c ON c.CustomerID = o.CustomerID
LEFT JOIN dbo.[Order Details] AS d ON d.OrderID = o.OrderID
WHERE o.OrderDate >= '2024-01-01' AND o.OrderDate < '2024-02-01' -- January
  AND c.Country IN (N'Germany', N'France', N'Brazil') AND o.ShippedDate IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM dbo.Returns AS r WHERE r.OrderID = o.OrderID AND r.Reason <> 'none')
GROUP BY o.OrderID, o.CustomerID, o.OrderDate, c.CompanyName
HAVING SUM(d.Quantity) > 10
ORDER BY Total DESC OFFSET 0 ROWS FETCH NEXT 50 ROWS ONLY;
`

const inserts = `INSERT INTO dbo.Log (At, Level, Message, UserID) VALUES ('2024-01-01T10:00:00', 3, N'user signed in from a device that was not seen before', 4711);
UPDATE dbo.Users SET LastSeen = SYSUTCDATETIME(), Visits = Visits + 1 WHERE UserID = 4711;
SELECT SCOPE_IDENTITY() AS id;
`

func BenchmarkJudge(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"SELECT 1", "SELECT 1"},
		{"1KiB", inserts + inserts[:150]},
		{"2KiB", typical},
		{"4KiB", typical + typical},
		{"64KiB", strings.Repeat(typical, 32)},
		{"string of 64KiB", "INSERT t VALUES ('" + strings.Repeat("x", 32<<10) + "')"},
		{"SET that holds", "SET NOCOUNT ON; SELECT a FROM t WHERE b = 5"},
		{"tedious login", tediousLogin},
	} {
		text := u16(bc.text)
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			v := Judge{}.Batch(text, true, Settings{})
			s := v.Settings
			for b.Loop() {
				v = Judge{}.Batch(text, true, s)
			}
			if v.Settings != s {
				b.Fatal("the same settings are a change")
			}
		})
	}
}

func BenchmarkRPC(b *testing.B) {
	body := executeSQL("SELECT a, b FROM dbo.t WHERE id = @p1 AND name = @p2", "@p1 int, @p2 nvarchar(20)", 42)
	proc := tds.RPCHeader{Name: "dbo.GetOrders"}.Append(nil)
	for _, bc := range []struct {
		name string
		body []byte
	}{{"sp_executesql", body}, {"procedure", proc}} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Judge{}.RPC(bc.body, true, Settings{})
			}
		})
	}
}
