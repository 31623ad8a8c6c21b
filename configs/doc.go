// Package configs holds the configuration of a node: its types, their defaults,
// how they are read, and what makes them valid.
//
// Values come from four places, each overriding the one before: the defaults,
// the YAML files in the order given, environment variables that begin with
// SLUICE_, and command-line flags. [Load] reads them all and reports every
// mistake it finds in one [Error], each with the place, the key, the value and
// what would be right. Misspelt keys are mistakes too.
//
// Secrets have the type [Secret], which prints as a mask whatever verb or
// encoder is used, so a Config may be logged or dumped.
//
// docs/configuration.md is written by [WriteReference]: the tables come from the
// struct tags and from doc_meanings.go, the text between them from
// doc_reference.md. After a change run go generate ./configs.
package configs

//go:generate sh -c "go run sluice/cmd/node config-doc > ../docs/configuration.md"
