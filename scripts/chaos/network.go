package main

import (
	"errors"

	"sluice/scripts/rig"
)

// network says where processes live and what can be done to their links.
type network interface {
	rig.Network
	// cut severs the links that a fault names and returns how to mend them.
	cut(s Step) (mend func() error, err error)
}

// loopback has everything on 127.0.0.1.
type loopback struct{ rig.Loopback }

var errNoNamespaces = errors.New("links can be cut with --netns only")

func (loopback) cut(Step) (func() error, error) { return nil, errNoNamespaces }
