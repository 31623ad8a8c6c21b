package configs

import "strings"

// Login is what a LOGIN7 message says that routing looks at.
type Login struct {
	ServerName string
	Database   string
	User       string
	AppName    string
	ReadOnly   bool // application intent read-only
}

// RouteLogin returns the bucket for l.
//
// With routes, the first one that l meets decides. Without routes, l goes to
// the bucket that has its database, if one alone has it, else to the bucket
// whose id is its server name. What is left goes to default_bucket, or to the
// only bucket there is when there are no routes. Otherwise ok is false: an
// unknown target is never guessed.
func (c *Config) RouteLogin(l Login) (b EffectiveBucket, ok bool) {
	if len(c.Routes) > 0 {
		for _, r := range c.Routes {
			if r.Matches(l) {
				return c.Bucket(r.Bucket)
			}
		}
		return c.Bucket(c.DefaultBucket)
	}
	if b, ok := c.bucketOfDatabase(l.Database); ok {
		return b, true
	}
	if b, ok := c.Bucket(l.ServerName); ok && l.ServerName != "" {
		return b, true
	}
	if c.DefaultBucket == "" && len(c.Buckets) == 1 {
		return c.Effective(c.Buckets[0]), true
	}
	return c.Bucket(c.DefaultBucket)
}

// bucketOfDatabase returns the one bucket that has the database. Names are
// compared without regard to case, as SQL Server's usual collations do.
func (c *Config) bucketOfDatabase(name string) (found EffectiveBucket, ok bool) {
	if name == "" {
		return EffectiveBucket{}, false
	}
	for _, b := range c.Buckets {
		if !strings.EqualFold(b.Database, name) && !containsFold(b.Databases, name) {
			continue
		}
		if ok {
			return EffectiveBucket{}, false
		}
		found, ok = c.Effective(b), true
	}
	return found, ok
}

// Matches reports whether l meets every condition of r.
func (r Route) Matches(l Login) bool {
	return matchOrUnset(r.ServerName, l.ServerName) &&
		matchOrUnset(r.Database, l.Database) &&
		matchOrUnset(r.User, l.User) &&
		matchOrUnset(r.AppName, l.AppName) &&
		(r.ReadOnly == nil || *r.ReadOnly == l.ReadOnly)
}

func (r Route) catchesAll() bool {
	return r.ServerName == "" && r.Database == "" && r.User == "" && r.AppName == "" && r.ReadOnly == nil
}

func matchOrUnset(pattern, s string) bool {
	return pattern == "" || matchPattern([]rune(strings.ToLower(pattern)), []rune(strings.ToLower(s)))
}

// matchPattern matches * and ? in time proportional to len(pattern)*len(s):
// only the last star seen is ever tried again.
func matchPattern(pattern, s []rune) bool {
	p, i := 0, 0
	star, retry := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			retry++
			p, i = star+1, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
