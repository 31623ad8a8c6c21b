// Package rig runs a fleet of real nodes with everything around it: SQL servers
// that count their connections, Redis, a load balancer. Chaos and the scenarios
// stand on it.
package rig
