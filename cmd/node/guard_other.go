//go:build !linux

package main

import (
	"context"
	"errors"

	"sluice/configs"
)

type guardProcess struct{}

var errNoGuard = errors.New("guards need Linux")

func startGuard(*configs.Config, *stateFile) (*guardProcess, error) { return nil, errNoGuard }

func (g *guardProcess) release() {}

func waitForParent(context.Context) error { return errNoGuard }
