package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// programName is what Build calls the node's program.
const programName = "sluice"

// Build builds the node's program in a folder and returns its path.
func Build(ctx context.Context, dir string, race bool) (path string, err error) {
	path = filepath.Join(dir, programName)
	args := []string{"build", "-trimpath", "-o", path}
	if race {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "sluice/cmd/node")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the node: %w\n%s", err, out)
	}
	return path, nil
}

// WorkDir returns the folder for everything that a run writes, and how to
// remove what is not to be kept of it. keep is the folder if all is to be kept;
// with "" it is a temporary one, named by what runs.
func WorkDir(keep, what string) (dir string, done func(), err error) {
	if keep != "" {
		dir, err = filepath.Abs(keep)
		if err == nil {
			err = os.MkdirAll(dir, 0o700)
		}
		return dir, func() {}, err
	}
	dir, err = os.MkdirTemp("", "sluice-"+what+"-")
	return dir, func() {
		_ = os.Remove(filepath.Join(dir, programName)) // if it was built
		_ = os.Remove(dir)                             // only if no logs are in it
	}, err
}
