package main

import (
	"strconv"
	"strings"

	"sluice/actors/session"
	"sluice/tds"
)

// What drivers and tools ask of a server by themselves when they log in is
// answered as a server would, as far as it is known; the rest is NULL.

// probe answers a SELECT. One with a FROM has no rows.
func (o *operator) probe(args []token) session.ConsoleResult {
	var r session.ConsoleResult
	row := []any{}
	for i, item := range selectItems(args) {
		name := "column" + strconv.Itoa(i+1)
		item, alias := splitAlias(item)
		if alias != "" {
			name = alias
		} else if len(item) == 1 && strings.HasPrefix(item[0].text, "@@") {
			name = ""
		}
		v := o.value(item)
		kind := tds.ResultText
		if _, ok := v.(int64); ok {
			kind = tds.ResultInt
		}
		r.Columns, row = append(r.Columns, tds.ResultColumn{Name: name, Kind: kind}), append(row, v)
	}
	if len(r.Columns) == 0 {
		r.Columns = []tds.ResultColumn{{Name: "result"}}
		return r
	}
	for _, t := range args {
		if t.is("FROM") {
			return r
		}
	}
	r.Rows = [][]any{row}
	return r
}

// selectItems splits a list at commas outside of parentheses, up to FROM.
func selectItems(args []token) (items [][]token) {
	depth := 0
	var cur []token
	for _, t := range args {
		switch {
		case !t.quoted && t.text == "(":
			depth++
		case !t.quoted && t.text == ")":
			depth--
		case depth == 0 && !t.quoted && t.text == ",":
			items, cur = append(items, cur), nil
			continue
		case depth == 0 && t.is("FROM"):
			return append(items, cur)
		case depth == 0 && len(items) == 0 && len(cur) == 0 && (t.is("TOP") || t.is("DISTINCT") || t.is("ALL")):
			continue
		}
		cur = append(cur, t)
	}
	if len(cur) > 0 {
		items = append(items, cur)
	}
	return items
}

// splitAlias takes "AS name", "name =" or a last word that is one off an item.
func splitAlias(item []token) (rest []token, alias string) {
	n := len(item)
	switch {
	case n > 2 && item[1].text == "=":
		return item[2:], item[0].text
	case n > 2 && item[n-2].is("AS"):
		return item[:n-2], item[n-1].text
	case n > 1 && item[n-1].text != ")":
		return item[:n-1], item[n-1].text
	}
	return item, ""
}

// value is what an expression is worth: nil for NULL.
func (o *operator) value(item []token) any {
	if len(item) == 0 {
		return nil
	}
	head := item[0]
	if head.quoted {
		return head.text
	}
	if n, err := strconv.ParseInt(head.text, 10, 64); err == nil {
		return n
	}
	word := strings.ToUpper(head.text)
	inner := func() []token { // between the parentheses
		if len(item) < 3 || item[1].text != "(" {
			return nil
		}
		return item[2 : len(item)-1]
	}
	switch word {
	case "@@VERSION":
		return "Microsoft SQL Server compatible console of Sluice " + version
	case "@@SPID":
		return int64(o.id) & 0x7FFF
	case "@@TRANCOUNT", "@@ERROR", "@@ROWCOUNT":
		return int64(0)
	case "@@SERVERNAME", "@@SERVICENAME", "HOST_NAME":
		return o.n.env.Node
	case "@@LANGUAGE":
		return "us_english"
	case "DB_NAME":
		return o.database
	case "SUSER_NAME", "SUSER_SNAME", "SYSTEM_USER", "ORIGINAL_LOGIN", "USER_NAME", "CURRENT_USER", "SESSION_USER":
		return o.user
	case "SERVERPROPERTY":
		return o.serverProperty(inner())
	case "CAST", "ISNULL":
		args := inner()
		for i, t := range args {
			if t.is("AS") || t.text == "," && !t.quoted {
				return o.value(args[:i])
			}
		}
	case "CONVERT":
		args := inner()
		for i, t := range args {
			if t.text == "," && !t.quoted {
				return o.value(args[i+1:])
			}
		}
	}
	return nil
}

func (o *operator) serverProperty(args []token) any {
	if len(args) == 0 {
		return nil
	}
	switch strings.ToLower(args[0].text) {
	case "productversion":
		return strconv.Itoa(int(product.Major)) + "." + strconv.Itoa(int(product.Minor)) + "." + strconv.Itoa(int(product.Build)) + ".0"
	case "productlevel":
		return "RTM"
	case "edition":
		return "Sluice console"
	case "engineedition":
		return int64(3)
	case "servername", "machinename":
		return o.n.env.Node
	case "collation":
		return "SQL_Latin1_General_CP1_CI_AS"
	}
	return nil
}
