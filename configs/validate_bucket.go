package configs

import (
	"fmt"
	"regexp"
	"strings"
)

// bucketIDPattern keeps ids fit for Redis hash tags, metric labels and the
// server names of connection strings.
var bucketIDPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

func (v *checker) buckets() {
	v.fail(len(v.c.Buckets) > 0, "buckets", v.c.Buckets, "must hold at least one bucket")
	seen := map[string]int{}
	for i, b := range v.c.Buckets {
		id := strings.ToLower(b.ID)
		v.fail(bucketIDPattern.MatchString(b.ID), bucketKey(i, "id"), b.ID,
			"must be 1 to 64 letters, digits, dots, dashes or underscores, with a letter or digit at both ends")
		first, twice := seen[id]
		v.fail(!twice || id == "", bucketKey(i, "id"), b.ID, fmt.Sprintf("must be given once, buckets[%d] has it already", first))
		if !twice {
			seen[id] = i
		}
		v.bucket(i, b)
	}
}

func (v *checker) bucket(i int, b Bucket) {
	v.host(bucketKey(i, "host"), b.Host)
	v.fail(b.Port >= 1 && b.Port <= maxPort, bucketKey(i, "port"), b.Port, "must be a port from 1 to 65535")
	v.fail(b.MaxConnections >= 1 && b.MaxConnections <= maxSQLConnections, bucketKey(i, "max_connections"), b.MaxConnections,
		"must be from 1 to 32767, the most that SQL Server takes")
	v.fail(b.Username != "" || b.Password == "", bucketKey(i, "username"), b.Username, "must be set, since password is")
	if b.MinIdle != nil {
		v.fail(*b.MinIdle >= 0 && *b.MinIdle <= b.MaxConnections, bucketKey(i, "min_idle"), *b.MinIdle, "must be from 0 to max_connections")
	}
	if b.MaxIdleTime != nil {
		v.positive(bucketKey(i, "max_idle_time"), *b.MaxIdleTime)
	}
	if b.MaxLifetime != nil {
		v.notNegative(bucketKey(i, "max_lifetime"), *b.MaxLifetime, "no limit")
	}
	if b.ConnectionTimeout != nil {
		v.positive(bucketKey(i, "connection_timeout"), *b.ConnectionTimeout)
	}
	if b.QueueTimeout != nil {
		v.notNegative(bucketKey(i, "queue_timeout"), *b.QueueTimeout, "no waiting")
	}
	if b.MaxQueueSize != nil {
		v.count(bucketKey(i, "max_queue_size"), *b.MaxQueueSize, "no limit")
	}
	if b.BackendTLS != nil {
		v.backendTLS(bucketKey(i, "backend_tls"), *b.BackendTLS, true)
	}
	v.pooling(func(name string) string { return bucketKey(i, name) }, b.Pooling, b.Pins)
	for j, name := range b.Databases {
		v.fail(name != "", fmt.Sprintf("%s[%d]", bucketKey(i, "databases"), j), name, "must be the name of a database")
	}
}

func (v *checker) host(key, host string) {
	want := "must be the host name or IP address of the SQL Server"
	switch {
	case strings.Contains(host, `\`):
		want += ", without an instance name: give the instance's port as port"
	case strings.Count(host, ":") == 1 || strings.Contains(host, ","):
		want += ", with the port in the key port"
	}
	v.fail(isHost(host), key, host, want)
}
