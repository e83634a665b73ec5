package connectors

import (
	"context"
	"fmt"
	"testing"
	"time"

	"oibus/agent/manifest"
	"oibus/platform/task"
)

func TestReadersSeeWholeChangesWhileOthersChange(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("0"), folderItem("1")))
	k.makeNorth(console("C", southLink("", tree{"southId": south.ID, "items": []any{}})))
	group := task.New(context.Background(), nil)
	for writer := range 3 {
		group.Go(fmt.Sprintf("writer %d", writer), func(context.Context) error {
			for i := range 15 {
				name := fmt.Sprintf("w%d-%d", writer, i)
				item, err := k.CreateItem("u", south.ID, body(t, folderItem(name)))
				if err != nil {
					return err
				}
				if err := k.DeleteItems("u", south.ID, []string{item.ID}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go("reader", func(context.Context) error {
		for range 60 {
			if _, err := k.SouthBlocks(); err != nil {
				return err
			}
			if _, err := k.NorthBlocks(); err != nil {
				return err
			}
			view, err := k.views().SouthView(south.ID)
			if err != nil {
				return err
			}
			if n := len(view.Items); n < 2 || n > 5 || k.UsesTransformer("none") || !k.UsesScanMode("ho") {
				return fmt.Errorf("%d items are seen", n)
			}
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := group.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(k.south(south.ID).Items); n != 2 {
		t.Errorf("%d items are left", n)
	}
	k.sameAfterRestart()
}
