package main

import (
	"fmt"
	"os"
	"strings"
)

const pinTableHead = "# What pins: drivers and patterns\n\n" +
	"Written by `scripts/drivers/pins.sh`; not by hand. Each line is one client of a node in transaction pooling, before the embedded SQL server, " +
	"with the driver's defaults unless its name says otherwise. The patterns are in `scripts/drivers` and described in its README; each ran %d turns.\n\n" +
	"*Requests* are those that the server answered, *backends taken* how often one was taken for them: a request outside of a transaction takes one for itself, " +
	"unless it follows an `INSERT` within `pool.identity_hold`; requests of a transaction share one. A driver that begins the next transaction with the commit " +
	"of the last, as pyodbc over FreeTDS does unless it is told to commit by itself, has one all the time. *Pins* are how often the client had to keep its backend beyond that, and the share of requests that had this effect.\n\n" +
	"| Driver | Pattern | Requests | Backends taken | Pins | Share | Reasons |\n|---|---|--:|--:|--:|--:|---|\n"

// writePinTable writes the table of what pins.
func writePinTable(path string, rows []pinRow, peak int) error {
	var b strings.Builder
	fmt.Fprintf(&b, pinTableHead, *pinsTurns)
	for _, r := range rows {
		reasons := strings.Join(r.reasons, ", ")
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %.1f%% | %s |\n", r.driver, r.pattern, r.requests, r.taken, r.pins,
			100*float64(r.pins)/float64(r.requests), reasons)
	}
	fmt.Fprintf(&b, "\nAt most %d sessions were open at the server at a time. `bulk` and `temp_table` are there for contrast: "+
		"they do leave something in the connection, until the rows have been sent and until the table is dropped.\n", peak)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
