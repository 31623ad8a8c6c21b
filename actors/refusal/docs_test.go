package refusal

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocs compares the table of docs/errors.md with the causes.
func TestDocs(t *testing.T) {
	file, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(file)) {
		if !strings.HasPrefix(line, "| 5") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	all := All()
	if len(rows) != len(all) {
		t.Fatalf("%d rows for %d causes", len(rows), len(all))
	}
	for i, c := range all {
		info, row := c.Describe(), rows[i]
		closes, drivers := "no", ""
		if info.Closes {
			closes = "yes"
		}
		if info.Retry != 0 {
			drivers = fmt.Sprint(info.Retry)
		}
		want := []string{fmt.Sprint(int32(c)), "`" + info.Name + "`", fmt.Sprint(info.Class), closes, drivers}
		if len(row) != 7 || fmt.Sprint(row[:5]) != fmt.Sprint(want) {
			t.Errorf("row %v, want it to begin with %v", row, want)
			continue
		}
		if row[5] == "" || row[6] == "" {
			t.Errorf("%v: its meaning or what to do is missing", c)
		}
	}
}
