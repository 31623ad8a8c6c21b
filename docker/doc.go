// Package docker holds what runs a fleet of nodes: the image, the stack of
// compose.yaml, manifests for Kubernetes and a unit for systemd. Its tests check
// all that without a container engine: files against their schemas and against
// each other, and the stack itself with the programs of this machine on
// addresses of their own, embedded SQL servers in place of SQL Server.
package docker
