package mqtt

import (
	"fmt"
	"testing"

	"oibus/agent/entity"
	"oibus/testing/harness"
)

func TestTenThousandTopics(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r := newRecord()
	topics := amount(10_000, 2000)
	var items []entity.SouthItem
	for i := range topics {
		items = append(items, item(fmt.Sprintf("item%d", i), fmt.Sprintf("many/%d/temp", i)))
	}
	s := startSource(t, "many", settings(b.address(), "1", true, nil), r, &memories{}, append(items, item("probe", "probe/many"))...)
	s.awaitConnected(b)
	c := client(t, b.address(), "pmany", true)
	defer c.Disconnect(100)
	publishAll(t, c, func(i int) string { return fmt.Sprintf("many/%d/temp", i%topics) }, 1, 0, 2*topics)
	r.await(t, 2*topics+1)
	r.set(func(r *record) {
		for i := range topics {
			if r.items[fmt.Sprintf("item%d", i)] != 2 {
				t.Fatalf("item %d got %d values", i, r.items[fmt.Sprintf("item%d", i)])
			}
		}
	})
	report(t, r, 2*topics, true)
}

func TestTheSessionHoldsWhatItemsAskForAndNothingElse(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r, m := newRecord(), &memories{}
	s := startSource(t, "edit", settings(b.address(), "1", true, nil), r, m, item("old", "edit/old/+"), item("kept", "edit/kept"), item("probe", "probe/edit"))
	s.awaitConnected(b)
	c := client(t, b.address(), "pedit", true)
	defer c.Disconnect(100)
	publish(t, c, "edit/old/x", 1, "1")
	publish(t, c, "edit/kept", 1, "2")
	r.await(t, 3)
	// The topic of a running item is edited.
	s.entity.Items = []entity.SouthItem{item("old", "edit/new/+"), item("kept", "edit/kept"), item("probe", "probe/edit")}
	if err := s.Update(s.entity); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, limit, "the new topic is subscribed", func() bool {
		publish(t, c, "edit/new/x", 1, "3")
		got, _, _ := r.got()
		return got == 4
	})
	publish(t, c, "edit/old/x", 1, "not asked for")
	// Items are removed while the South does not run.
	s.stop()
	s.options.South.Items = []entity.SouthItem{item("kept", "edit/kept"), item("probe", "probe/edit")}
	s.entity = s.options.South
	s.start()
	s.awaitConnected(b)
	harness.Until(t, limit, "the session was tidied", func() bool { // the messages before come first
		publish(t, c, "edit/kept", 1, "4")
		got, _, _ := r.got()
		return got == 5
	})
	for range 10 {
		publish(t, c, "edit/new/x", 1, "not asked for")
	}
	publish(t, c, "edit/kept", 1, "5")
	r.await(t, 6)
	r.set(func(r *record) {
		if r.counts["not asked for"] != 0 {
			t.Errorf("%v", r.counts)
		}
	})
	if s.log.has("Item can't be determined") {
		t.Error("the broker still sends what nobody asks for")
	}
}

func TestATopicThatCannotBeSubscribedDoesNotKeepTheOthersFromIt(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r := newRecord()
	s := startSource(t, "bad", settings(b.address(), "1", false, nil), r, &memories{}, item("wrong", "bad/#/x"), item("good", "good/#"), item("also", "good/twice"), item("probe", "probe/bad"))
	s.awaitConnected(b)
	c := client(t, b.address(), "pbad", true)
	defer c.Disconnect(100)
	publish(t, c, "good/twice", 1, "two items")
	publish(t, c, "good/x", 1, "one item")
	r.await(t, 2)
	for _, text := range []string{`item \"wrong\": the topic \"bad/#/x\" has a # that is not at its end`, `Error for topic good/twice: Topic \"good/twice\" should be subscribed only once`} {
		if !s.log.has(text) {
			t.Errorf("not in the log: %s\n%s", text, s.log.String())
		}
	}
}
