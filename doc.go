// Package sluice is the root of the module. The programs are in cmd, the
// overview is in README.md; here is only the test of the direction in which
// the packages may depend on each other.
package sluice
