package configs

import (
	"embed"
	"io/fs"
)

//go:embed proxy.yaml buckets.yaml
var examples embed.FS

// Examples returns the commented example files, proxy.yaml and buckets.yaml.
func Examples() fs.FS { return examples }
