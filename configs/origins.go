package configs

import (
	"strconv"
	"strings"
)

// origin is where the value of a key was given.
type origin struct {
	source string // file name, environment variable or flag
	line   int    // 0 when the source has no lines
	text   string // the value as given; empty for groups and lists
}

func (o origin) String() string {
	if o.line == 0 {
		return o.source
	}
	return o.source + ":" + strconv.Itoa(o.line)
}

// origins maps a key in lower case, as in "buckets[3].host", to its origin.
type origins map[string]origin

func (o origins) has(key string) bool {
	_, ok := o[strings.ToLower(key)]
	return ok
}

// find returns the origin of key or of the nearest group around it; exact says
// which of the two it was.
func (o origins) find(key string) (from origin, exact bool) {
	key = strings.ToLower(key)
	for exact = true; key != ""; exact = false {
		if from, ok := o[key]; ok {
			return from, exact
		}
		key = parentKey(key)
	}
	return origin{}, false
}

// parentKey returns the group or list that key is in, or nothing.
func parentKey(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

// overlay adds the origins of a later layer. A list replaces the one below it
// as a whole, so the origins of its former entries go.
func (o origins) overlay(later origins) {
	for key := range later {
		if _, there := o[key]; !there || strings.Contains(key, "[") {
			continue
		}
		for old := range o {
			if strings.HasPrefix(old, key+"[") {
				delete(o, old)
			}
		}
	}
	for key, from := range later {
		o[key] = from
	}
}

// withoutTexts returns the places alone. A Config keeps only these: the texts
// hold secrets in clear.
func (o origins) withoutTexts() origins {
	places := make(origins, len(o))
	for key, from := range o {
		from.text = ""
		places[key] = from
	}
	return places
}
