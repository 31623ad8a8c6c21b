package configs

import (
	"reflect"
	"slices"
	"strings"
)

// Diff is what a reload has to do to get from one configuration to another.
type Diff struct {
	Added   []EffectiveBucket
	Removed []EffectiveBucket // as they were
	Changed []BucketChange

	// Live are the keys outside buckets whose change a reload applies, Restart
	// those that keep their old value until the node starts again. A change of
	// a list is the list's key. Both are in the order of the types.
	Live    []string
	Restart []string
}

// Empty reports whether nothing differs.
func (d Diff) Empty() bool {
	return len(d.Added)+len(d.Removed)+len(d.Changed)+len(d.Live)+len(d.Restart) == 0
}

// BucketChange is a bucket that is in both configurations and differs.
type BucketChange struct {
	Old, New EffectiveBucket

	Address   bool // host or port: open backends go to the wrong server
	Login     bool // username or password
	TLS       bool // backend_tls: open backends keep what they were opened with
	Databases bool // the names it answers for
	Limit     bool // max_connections
	Pooling   bool // pooling or pins: for clients that log in from now on
	Timing    bool // time-outs, ages, min_idle, queue size: for the next use
}

// LimitOnly reports whether nothing but max_connections changed.
func (c BucketChange) LimitOnly() bool {
	return c.Limit && !c.Address && !c.Login && !c.TLS && !c.Databases && !c.Timing && !c.Pooling
}

// Reconnect reports whether backends that are open no longer fit the bucket and
// must be replaced once their clients are done.
func (c BucketChange) Reconnect() bool { return c.Address || c.Login || c.TLS }

// Compare returns what differs from old to now. Buckets are compared by what
// holds for them, so a changed default shows in every bucket that inherits it.
func Compare(old, now *Config) Diff {
	var d Diff
	before, after := old.byID(), now.byID()
	for _, b := range now.EffectiveBuckets() {
		was, there := before[strings.ToLower(b.ID)]
		switch {
		case !there:
			d.Added = append(d.Added, b)
		case !reflect.DeepEqual(was, b):
			d.Changed = append(d.Changed, bucketChange(was, b))
		}
	}
	for _, b := range old.EffectiveBuckets() {
		if _, there := after[strings.ToLower(b.ID)]; !there {
			d.Removed = append(d.Removed, b)
		}
	}
	d.compareKeys(reflect.ValueOf(old).Elem(), reflect.ValueOf(now).Elem(), "", false)
	return d
}

func (c *Config) byID() map[string]EffectiveBucket {
	m := make(map[string]EffectiveBucket, len(c.Buckets))
	for _, b := range c.EffectiveBuckets() {
		m[strings.ToLower(b.ID)] = b
	}
	return m
}

func bucketChange(was, b EffectiveBucket) BucketChange {
	return BucketChange{
		Old: was, New: b,
		Address:   was.Host != b.Host || was.Port != b.Port,
		Login:     was.Username != b.Username || was.Password != b.Password,
		TLS:       was.BackendTLS != b.BackendTLS,
		Databases: !slices.Equal(was.Databases, b.Databases),
		Limit:     was.MaxConnections != b.MaxConnections,
		Pooling:   was.Pooling != b.Pooling || !reflect.DeepEqual(was.Pins, b.Pins),
		Timing: was.MinIdle != b.MinIdle || was.MaxIdleTime != b.MaxIdleTime || was.MaxLifetime != b.MaxLifetime ||
			was.ConnectionTimeout != b.ConnectionTimeout || was.QueueTimeout != b.QueueTimeout || was.MaxQueueSize != b.MaxQueueSize,
	}
}

// compareKeys walks two values of the same group.
func (d *Diff) compareKeys(old, now reflect.Value, prefix string, live bool) {
	t := old.Type()
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("mapstructure")
		if name == "" || prefix+name == "buckets" {
			continue
		}
		applies := live || t.Field(i).Tag.Get("live") == "true"
		a, b := old.Field(i), now.Field(i)
		switch {
		case a.Kind() == reflect.Struct:
			d.compareKeys(a, b, prefix+name+".", applies)
		case reflect.DeepEqual(a.Interface(), b.Interface()):
		case a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0: // nil or empty
		case applies:
			d.Live = append(d.Live, prefix+name)
		default:
			d.Restart = append(d.Restart, prefix+name)
		}
	}
}
