package limits

// Rule names a rule of the protocol that tests can switch off, to see that the
// simulator notices.
type Rule uint

// The rules that have a switch. The comment names the rule in DESIGN.md.
const (
	RuleReplid       Rule = iota // R6: a store with another history is not believed
	RuleEpoch                    // R6: a Sync of another epoch is refused
	RuleSeq                      // R4: a Sync that comes twice is done once
	RuleKnown                    // R13: no grants before all survivors know of the session
	RuleAllKnown                 // R12a: recovery waits for everybody known
	RuleComplete                 // R12a: and for one who knows everybody
	RuleJoin                     // R14: a late Join is no Reassert
	RuleReapEpoch                // R10: a reap is for one epoch
	RuleRenewals                 // R10: a session that was renewed since lives
	RuleConsent                  // R10: no reap without consent
	RulePins                     // R10: consent counts from the boot that promised
	RuleBooked                   // R10: booked sessions need a quorum
	RuleReturn                   // R4: returns leave before they are told
	RuleSendTime                 // R5: time is counted from sending
	RuleReplyMatch               // R4: an answer is for the call in flight
	RuleFence                    // R3: connections are closed in time
	RuleDead                     // R9: the dead are not heard again
	RulePromise                  // R9: no consent within a promise
	RuleBeatOrder                // R7: a late heartbeat is not heard
	RuleBeatPin                  // R7: an answer counts from the pinned boot
	RuleReportWait               // R12b: recovery waits before it closes without all
	RuleReportOld                // R12b: a witness that has just started knows nothing
	RuleReportBook               // R12b: promises are booked
	RuleReportAll                // R12b: who was not reported does not come back
	RuleLoanEnd                  // R16: a loan ends before its lender's right
	RuleLoanFirst                // R16: a lent slot is subtracted first
	RuleLoanSend                 // R16: the borrower counts from its sending
	RuleLoanSession              // a loan that may have been moved ends with the session
	RuleMoveHold                 // a slot whose move failed is not used again
	RuleLeaveLoans               // R19: who leaves has no loan out
	RuleSightEpoch               // R8: renewals are compared within an epoch
	RuleSightSilent              // R10: consent counts for who was silent all the time
	RuleListAck                  // R13: a list is known when it was acknowledged
	RuleDeclareOrder             // a late word on a limit is not heard
	ruleCount
)

var ruleNames = [ruleCount]string{
	"replid", "epoch", "seq", "known", "all-known", "complete", "join", "reap-epoch", "renewals", "consent", "pins", "booked",
	"return", "send-time", "reply-match", "fence", "dead", "promise", "beat-order", "beat-pin", "report-wait", "report-old", "report-book", "report-all",
	"loan-end", "loan-first", "loan-send", "loan-session", "move-hold", "leave-loans", "sight-epoch", "sight-silent", "list-ack", "declare-order",
}

func (r Rule) String() string { return ruleNames[r] }

// rules is a set of rules that are switched off.
type rules uint64

func (r rules) has(x Rule) bool { return r&(1<<x) != 0 }
