package session

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
)

// Every message in every stage.
func TestStep(t *testing.T) {
	pooled := &bucket.Lease{ID: 1, Conn: &backend.Conn{}}
	dedicated := &bucket.Lease{ID: 2}
	other := &bucket.Lease{ID: 3, Conn: &backend.Conn{}}
	failed := errors.New("no")
	in := loggedIn{&tds.Login7{}}
	grant := func(l *bucket.Lease) Msg { return granted{Grant: bucket.Grant{Lease: l}} }
	refused := granted{Grant: bucket.Grant{Err: failed}}
	ended := portEnded{how: bucket.Used}
	killed := doEndPort{&refusal.Error{Cause: refusal.Killed}}

	login := func() state { return state{} }
	acquiring := func() state { return state{stage: stageAcquiring} }
	drainingAcquiring := func() state { return state{stage: stageAcquiring, draining: true} }
	serving := func() state { return state{stage: stageServing, lease: pooled} }
	refusing := func() state { return state{stage: stageServing} }
	dying := func() state { return state{stage: stageServing, lease: pooled, ending: true} }
	dyingAcquiring := func() state { return state{stage: stageAcquiring, ending: true} }
	over := func() state { return state{stage: stageEnded, ending: true} }

	for _, tc := range []struct {
		from  string
		state func() state
		m     Msg
		want  []effect
		stage stage
		holds *bucket.Lease
	}{
		{"login", login, in, []effect{doAcquire{&in}}, stageAcquiring, nil},
		{"login", login, grant(pooled), []effect{doRelease{pooled, bucket.Unused}, doStop{}}, stageLogin, nil},
		{"login", login, refused, nil, stageLogin, nil},
		{"login", login, ended, []effect{doStop{}}, stageEnded, nil},
		{"login", login, backendDied{pooled}, nil, stageLogin, nil},
		{"login", login, Drain{}, []effect{doDrainPort{}}, stageLogin, nil},
		{"login", login, Kill{refusal.Killed}, []effect{killed}, stageLogin, nil},

		{"acquiring", acquiring, in, nil, stageAcquiring, nil},
		{"acquiring", acquiring, grant(pooled), []effect{doServe{pooled}}, stageServing, pooled},
		{"acquiring", acquiring, grant(dedicated), []effect{doServe{dedicated}}, stageServing, dedicated},
		{"acquiring", acquiring, refused, []effect{doRefuse{failed}}, stageServing, nil},
		{"acquiring", acquiring, ended, []effect{doStop{}}, stageEnded, nil},
		{"acquiring", acquiring, backendDied{pooled}, nil, stageAcquiring, nil},
		{"acquiring", acquiring, Drain{}, nil, stageAcquiring, nil},
		{"acquiring", acquiring, Kill{refusal.Killed}, []effect{killed}, stageAcquiring, nil},
		{"acquiring, draining", drainingAcquiring, grant(pooled), []effect{doServe{pooled}, doDrainPort{}}, stageServing, pooled},
		{"acquiring, killed", dyingAcquiring, Kill{refusal.Killed}, nil, stageAcquiring, nil},
		{"acquiring, killed", dyingAcquiring, grant(pooled), []effect{doServe{pooled}}, stageServing, pooled}, // the port gives it back

		{"serving", serving, in, nil, stageServing, pooled},
		{"serving", serving, grant(other), []effect{doRelease{other, bucket.Unused}, doStop{}}, stageServing, pooled},
		{"serving", serving, refused, nil, stageServing, pooled},
		{"serving", serving, ended, []effect{doRelease{pooled, bucket.Used}, doStop{}}, stageEnded, nil},
		{"serving", serving, backendDied{pooled}, []effect{doBackendDied{}}, stageServing, pooled},
		{"serving", serving, backendDied{other}, nil, stageServing, pooled},
		{"serving", serving, Drain{}, []effect{doDrainPort{}}, stageServing, pooled},
		{"serving", serving, Kill{refusal.Killed}, []effect{killed}, stageServing, pooled},
		{"killed", dying, Kill{refusal.Killed}, nil, stageServing, pooled},
		{"killed", dying, backendDied{pooled}, nil, stageServing, pooled},
		{"killed", dying, ended, []effect{doRelease{pooled, bucket.Used}, doStop{}}, stageEnded, nil},
		{"refused", refusing, ended, []effect{doStop{}}, stageEnded, nil},
		{"refused", refusing, backendDied{pooled}, nil, stageServing, nil},
		{"refused", refusing, Kill{refusal.Killed}, []effect{killed}, stageServing, nil},

		{"ended", over, in, nil, stageEnded, nil},
		{"ended", over, grant(pooled), []effect{doRelease{pooled, bucket.Unused}, doStop{}}, stageEnded, nil},
		{"ended", over, grant(dedicated), []effect{doRelease{dedicated, bucket.Gone}, doStop{}}, stageEnded, nil},
		{"ended", over, refused, nil, stageEnded, nil},
		{"ended", over, ended, nil, stageEnded, nil},
		{"ended", over, backendDied{pooled}, nil, stageEnded, nil},
		{"ended", over, Drain{}, nil, stageEnded, nil},
		{"ended", over, Kill{refusal.Killed}, nil, stageEnded, nil},
		{"ended", over, expired{}, nil, stageEnded, nil}, // the actor makes a Drain of it
	} {
		t.Run(fmt.Sprintf("%s %T", tc.from, tc.m), func(t *testing.T) {
			s := tc.state()
			got := s.step(tc.m)
			if len(got) != len(tc.want) || len(got) > 0 && !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %#v, want %#v", got, tc.want)
			}
			if s.stage != tc.stage || s.lease != tc.holds {
				t.Errorf("stage %v with %v, want %v with %v", s.stage, s.lease, tc.stage, tc.holds)
			}
		})
	}
}
