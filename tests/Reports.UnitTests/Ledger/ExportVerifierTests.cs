using System.Text;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

public sealed class ExportVerifierTests
{
    private const int Rounds = 25;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, Rounds)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void an_export_that_nobody_touched_is_ok(int seed)
    {
        using var export = new SyntheticExport(seed * 7, seed, batch: 1 + (seed % 9));
        export.Anchor(0);
        export.Anchor(export.Checkpoints.Count / 2);
        var newest = export.Checkpoints[^1].Note;
        var header = $":{Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(newest))}:";
        var held = new HeldCheckpoints(
            [export.Held(newest), export.Held($"Audit-Checkpoint: {header}\n{header}\n")], export.Anchors);

        var (verification, findings) = export.Verify([export.Keys[0]], held);

        findings.ShouldBeEmpty();
        verification.Line().ShouldBe("OK");
        verification.Verdict.ShouldBe(Verdict.Ok);
        verification.Held.ShouldBe(held.Count);
        verification.Newest!.Size.ShouldBe(export.Leaves.Count);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void an_altered_event_is_modified(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        var at = export.Random.Next(100);
        var e = export.Events[at].Event;
        StoredEvent[] altered =
        [
            e with { Data = e.Data.Replace("number", "numbre", StringComparison.Ordinal) },
            e with { Data = "[]" },
            e with { Headers = "{}" },
            e with { Tenant = "01980000-0000-7000-8000-000000000001" },
            e with { TimestampMicroseconds = e.TimestampMicroseconds - 1 },
            e with { Type = "report.requested.v2" },
            e with { UserName = "somebody else" },
            e with { Version = e.Version + 1 },
            e with { StreamId = e.EventId },
        ];
        export.Events[at] = (altered[seed % altered.Length], at);

        One(export).ShouldBe((Verdict.Modified, e.Sequence));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void a_removed_event_is_missing(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        var at = export.Random.Next(100);
        var sequence = export.Events[at].Event.Sequence;
        export.Events.RemoveAt(at);

        One(export).ShouldBe((Verdict.Missing, sequence));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void an_event_in_a_gap_was_inserted(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        var taken = export.Events.Select(e => e.Event.Sequence).ToHashSet();
        var gaps = Enumerable.Range(1, (int)taken.Max()).Select(s => (long)s).Where(s => !taken.Contains(s)).ToList();
        var sequence = gaps[export.Random.Next(gaps.Count)];
        export.Events.Insert(export.Events.FindIndex(e => e.Event.Sequence > sequence), (export.Event(sequence), null));

        One(export).ShouldBe((Verdict.Inserted, sequence));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void an_event_that_was_sealed_late_was_inserted(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        var taken = export.Events.Select(e => e.Event.Sequence).ToHashSet();
        var sequence = Enumerable.Range(1, 200).Select(s => (long)s).First(s => !taken.Contains(s));
        export.Events.Insert(export.Events.FindIndex(e => e.Event.Sequence > sequence), (export.Event(sequence), null));
        export.Seal();
        export.Events.Add((export.Event(500), null));
        export.Seal();

        One(export).ShouldBe((Verdict.Inserted, sequence));
    }

    [Fact]
    public void an_event_behind_the_last_that_a_checkpoint_closed_is_late_although_its_leaf_is_in_order()
    {
        using var export = new SyntheticExport(100);
        var last = export.Events[^1].Event.Sequence;
        var (size, note) = export.Checkpoints[^1];
        export.Checkpoints[^1] = (size, export.Note(size, SignedCheckpoint.Parse(note)!.Checkpoint.Root, last + 3));
        export.Events.Add((export.Event(last + 2), null));
        export.Events.Add((export.Event(last + 4), null));
        export.Seal();

        One(export).ShouldBe((Verdict.Inserted, last + 2));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void events_that_changed_places_are_reordered(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        int[] places = [.. Enumerable.Range(0, 100)];
        export.Random.Shuffle(places);
        places = places[..(2 + (seed % 3))];
        var moved = places.Select(p => export.Events[p].Event).ToArray();
        for (var i = 0; i < places.Length; i++)
        {
            var (owner, index) = export.Events[places[i]];
            export.Events[places[i]] = (moved[(i + 1) % moved.Length] with { Sequence = owner.Sequence }, index);
        }

        var (verification, findings) = export.Verify();

        verification.Line().ShouldBe($"REORDERED {places.Length}");
        findings.Select(f => f.Sequence!.Value).ShouldBe(places.Select(p => export.Events[p].Event.Sequence).Order());
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void a_record_whose_end_was_cut_off_is_truncated_for_whoever_holds_a_checkpoint(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        export.Anchor(9);
        var held = new HeldCheckpoints([], export.Anchors);
        var sequence = export.Events[^1].Event.Sequence;
        var kept = 1 + export.Random.Next(9);
        export.Checkpoints.RemoveRange(kept, 10 - kept);
        export.Leaves.RemoveRange(kept * 10, 100 - (kept * 10));
        export.Events.RemoveRange(kept * 10, 100 - (kept * 10));

        One(export).ShouldBe(default);
        One(export, held).ShouldBe((Verdict.Truncated, sequence));
    }

    [Fact]
    public void checkpoints_without_their_leaves_are_truncated()
    {
        using var export = new SyntheticExport(100);
        export.Leaves.RemoveRange(70, 30);
        export.Events.RemoveRange(70, 30);

        var (verification, _) = export.Verify();

        verification.Line().ShouldBe("TRUNCATED 1");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void a_leaf_that_was_altered_with_its_event_is_a_fork(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        var at = export.Random.Next(100);
        var (e, index) = export.Events[at];
        export.Events[at] = (e with { Data = "{}" }, index);
        export.Leaves[at] = (e.Sequence, EventLeaf.Hash(export.Events[at].Event));

        var firstAfter = export.Events[Math.Min(99, ((at / 10) * 10) + 9)].Event.Sequence;
        One(export).ShouldBe((Verdict.Fork, firstAfter));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void a_record_made_anew_with_the_keys_is_a_fork_for_whoever_holds_a_checkpoint(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        export.Anchor(9);
        var at = export.Random.Next(100);
        export.Events[at] = (export.Events[at].Event with { Data = "{}" }, at);
        export.Rebuild();

        One(export).ShouldBe(default);
        One(export, new HeldCheckpoints([], export.Anchors)).ShouldBe((Verdict.Fork, export.Events[^1].Event.Sequence));
    }

    [Fact]
    public void a_leaf_that_lacks_is_a_fork()
    {
        using var export = new SyntheticExport(30);
        var folder = export.Write();
        var lines = File.ReadAllLines(folder.Leaves).ToList();
        lines.RemoveAt(17);
        File.WriteAllLines(folder.Leaves, lines);

        var verification = ExportVerifier.Verify(folder, new VerificationOptions([], HeldCheckpoints.None), _ => { });

        verification.Counts[Verdict.Fork].ShouldBe(1);
        verification.Counts[Verdict.Inserted].ShouldBe(1);
        verification.Verdict.ShouldBe(Verdict.Fork);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void a_checkpoint_signed_by_a_stranger_is_a_bad_signature(int seed)
    {
        using var export = new SyntheticExport(100, seed);
        using var stranger = SyntheticExport.Signer();
        var at = export.Random.Next(9);
        var own = SignedCheckpoint.Parse(export.Checkpoints[at].Note)!;
        export.Checkpoints[at] = (own.Checkpoint.Size, SignedCheckpoint.Sign(own.Checkpoint, [stranger]).Note());

        One(export).ShouldBe((Verdict.BadSignature, own.Checkpoint.Sequence));
    }

    [Fact]
    public void a_checkpoint_of_another_ledger_or_size_or_unreadable_is_a_bad_signature()
    {
        using var export = new SyntheticExport(100);
        var own = SignedCheckpoint.Parse(export.Checkpoints[3].Note)!;
        export.Checkpoints[3] = (40, SignedCheckpoint.Sign(own.Checkpoint with { Origin = "other" }, export.Signers).Note());
        export.Checkpoints[4] = (50, export.Checkpoints[5].Note);
        export.Checkpoints[6] = (70, "nothing");

        export.Verify().Verification.Line().ShouldBe("BAD_SIGNATURE 3");
    }

    [Fact]
    public void events_behind_the_newest_checkpoint_are_unsealed()
    {
        using var export = new SyntheticExport(100);
        export.Events.Add((export.Event(1000), null));
        export.Events.Add((export.Event(1002), null));
        export.Verify().Verification.Line().ShouldBe("UNSEALED 2");

        export.Checkpoints.RemoveAt(9);
        var (verification, findings) = export.Verify();
        verification.Line().ShouldBe("UNSEALED 12");
        findings.ShouldHaveSingleItem().Sequence.ShouldBe(export.Events[90].Event.Sequence);
    }

    [Fact]
    public void two_findings_are_both_named_and_the_gravest_is_the_verdict()
    {
        using var export = new SyntheticExport(100);
        var (deleted, edited) = (export.Events[30].Event.Sequence, export.Events[60].Event.Sequence);
        export.Events[60] = (export.Events[60].Event with { Data = "{}" }, 60);
        export.Events.RemoveAt(30);

        var (verification, findings) = export.Verify();

        verification.Line().ShouldBe("MODIFIED 1, MISSING 1");
        ((int)verification.Verdict).ShouldBe(10);
        findings.Select(f => (f.Verdict, f.Sequence)).ShouldBe(
            [(Verdict.Missing, deleted), (Verdict.Modified, edited)], ignoreOrder: true);
    }

    [Fact]
    public void an_export_of_one_merchant_says_nothing_of_what_is_not_there_but_all_of_what_is()
    {
        using var export = new SyntheticExport(100);
        export.Scope = "01980000-0000-7000-8000-000000000001";
        export.Events.RemoveAll(e => e.Event.Sequence % 3 != 0);
        var (verification, _) = export.Verify();
        verification.Line().ShouldBe("OK");
        verification.LeavesWithoutEvent.ShouldBe(100 - export.Events.Count);
        verification.Notes.ShouldContain(n => n.Contains("nobody can tell", StringComparison.Ordinal));

        export.Events[5] = (export.Events[5].Event with { Data = "{}" }, export.Events[5].Index);
        One(export).ShouldBe((Verdict.Modified, export.Events[5].Event.Sequence));
    }

    [Fact]
    public void what_a_declared_restore_lost_is_found_until_it_is_accepted()
    {
        using var export = new SyntheticExport(50);
        var lost = SignedCheckpoint.Parse(export.Note(80, MerkleHash.Leaf([1]), 200))!;
        var held = new HeldCheckpoints(
            [export.Held(lost.Note()), export.Held(export.Note(60, MerkleHash.Leaf([3]), 190))], null);
        export.Verify(held: held).Verification.Line().ShouldBe("TRUNCATED 2");

        var sequence = export.Declare(lost.Checkpoint);

        var (verification, findings) = export.Verify(held: held);
        verification.Line().ShouldBe("TRUNCATED 2");
        findings.ShouldAllBe(f => f.Text.Contains($"--accept-restore {sequence} if you were told of it"));
        export.Verify(held: held, restores: [sequence + 1, 1]).Verification.Line().ShouldBe("TRUNCATED 2");

        (verification, findings) = export.Verify(held: held, restores: [sequence]);
        findings.ShouldBeEmpty();
        verification.Line().ShouldBe("OK");
        verification.Notes.ShouldContain(n => n.Contains("incident") && n.Contains("accepted, and explains 2"));

        Checkpoint[] others =
        [
            lost.Checkpoint with { Size = 81 }, lost.Checkpoint with { Root = MerkleHash.Leaf([2]) },
            lost.Checkpoint with { Size = 50 }, lost.Checkpoint with { Size = 20 },
        ];
        foreach (var other in others)
        {
            var kept = export.Held(export.Note(other.Size, other.Root, 200));
            export.Verify(held: new HeldCheckpoints([export.Held(lost.Note()), kept], null), restores: [sequence])
                .Verification.Line().ShouldBeOneOf("TRUNCATED 1", "FORK 1");
        }
    }

    // Whoever can write events could write this one too.
    [Fact]
    public void a_declaration_that_is_not_what_it_must_be_explains_nothing()
    {
        using var stranger = SyntheticExport.Signer();
        using var signed = new SyntheticExport(50);
        var lost = SignedCheckpoint.Parse(signed.Note(80, MerkleHash.Leaf([1]), 200))!;
        Func<RestoreDeclaration, RestoreDeclaration>[] changes =
        [
            d => d with { Origin = "other" }, d => d with { LostSize = 79 }, d => d with { LostSize = 81 },
            d => d with { LostRoot = MerkleHash.Leaf([2]) }, d => d with { ResumedRoot = MerkleHash.Leaf([2]) },
            d => d with { ResumedSize = 49 }, d => d with { ResumedSize = 51 }, d => d with { ResumedSize = 52 },
        ];
        foreach (var change in changes)
        {
            Rejected(export => export.Declare(lost.Checkpoint, change), signed.Signers[0], lost);
        }

        Rejected(
            export =>
            {
                var own = export.Signers[0];
                export.Signers[0] = stranger;
                var at = export.Declare(lost.Checkpoint);
                export.Signers[0] = own;
                export.Keys.RemoveAll(k => k.Id == stranger.Key.Id);
                export.Rebuild();
                return at;
            },
            signed.Signers[0], lost);
        foreach (var data in new[]
        {
            "{\"lost_root\": \"" + Convert.ToHexStringLower(lost.Checkpoint.Root) + "\", \"lost_size\": 80, \"resumed_size\": 50}",
            "{\"declaration\": 7}", "{\"declaration\": null}", "{\"declaration\": \"\"}", "{\"declaration\": \"\\n\\n\\n\"}",
            "[]", "null", "7",
        })
        {
            Rejected(
                export =>
                {
                    export.Events.Add((export.Event(300, data) with { Type = "audit.restored-from-backup.v1" }, null));
                    export.Seal();
                    return 300;
                },
                signed.Signers[0], lost);
        }
    }

    [Fact]
    public void more_held_checkpoints_than_are_kept_in_mind_are_never_ok()
    {
        using var export = new SyntheticExport(10);
        var lost = SignedCheckpoint.Parse(export.Note(20_000, MerkleHash.Leaf([1]), 50_000))!;
        var sequence = export.Declare(lost.Checkpoint);
        var text = $":{Convert.ToBase64String(Encoding.UTF8.GetBytes(export.Note(100, MerkleHash.Leaf([1]), 200)))}:\n";
        var many = export.Held(string.Concat(Enumerable.Repeat(text, 10_001)));

        export.Verify(held: new HeldCheckpoints([many, export.Held(lost.Note())], null), restores: [sequence])
            .Verification.Verdict.ShouldBe(Verdict.Truncated);
    }

    [Fact]
    public void anchors_of_whatever_name_are_read()
    {
        using var export = new SyntheticExport(100);
        var other = export.Note(80, MerkleHash.Leaf([1]), 300);
        export.Anchor(7);
        File.WriteAllText(Path.Combine(export.Anchors, "checkpoint-00000000000000000080-01020304.txt"), other);
        One(export, new HeldCheckpoints([], export.Anchors)).ShouldBe((Verdict.Fork, 300));

        File.WriteAllText(Path.Combine(export.Anchors, "checkpoint-of-monday.txt"), export.Note(200, MerkleHash.Leaf([1]), 900));
        File.WriteAllText(Path.Combine(export.Anchors, "checkpoint-.txt"), "nothing");
        export.Verify(held: new HeldCheckpoints([], export.Anchors)).Verification.Line()
            .ShouldBe("BAD_SIGNATURE 1, FORK 1, TRUNCATED 1");
    }

    [Fact]
    public void a_held_checkpoint_behind_the_end_says_what_to_do()
    {
        using var export = new SyntheticExport(50);
        export.Verify(held: new HeldCheckpoints([export.Held(export.Note(80, MerkleHash.Leaf([1]), 200))], null))
            .Findings.ShouldHaveSingleItem().Text.ShouldContain("export again");
    }

    [Fact]
    public void an_export_of_one_merchant_must_be_expected()
    {
        using var export = new SyntheticExport(50);
        export.Events.RemoveAt(20);
        export.Verify().Verification.Line().ShouldBe("MISSING 1");

        var merchant = "01980000-0000-7000-8000-000000000001";
        VerificationOptions Options(string? expected) => new([], HeldCheckpoints.None, expected);
        Should.Throw<UnusableExportException>(() => ExportVerifier.Verify(export.Write(), Options(merchant), _ => { }));
        export.Scope = merchant;
        Should.Throw<UnusableExportException>(() => ExportVerifier.Verify(export.Write(), Options(null), _ => { }))
            .Message.ShouldContain($"--merchant {merchant}");
        Should.Throw<UnusableExportException>(
            () => ExportVerifier.Verify(export.Write(), Options(Guid.Empty.ToString()), _ => { }));
        ExportVerifier.Verify(export.Write(), Options(merchant), _ => { }).Line().ShouldBe("OK");
    }

    [Fact]
    public void what_the_description_says_is_compared_with_what_is_there()
    {
        using var export = new SyntheticExport(50);
        var folder = export.Write();
        var good = ExportDescription.Read(folder)!;
        Verification Verify(ExportDescription description)
        {
            description.Write(folder);
            return ExportVerifier.Verify(folder, new VerificationOptions([], HeldCheckpoints.None), _ => { });
        }

        Verify(good with { Size = 51 }).Line().ShouldBe("TRUNCATED 1");
        Should.Throw<UnusableExportException>(() => Verify(good with { Size = 49 }));
        Should.Throw<UnusableExportException>(() => Verify(good with { Sequence = good.Sequence + 1 }));
        Verify(good).Line().ShouldBe("OK");
    }

    private static void Rejected(Func<SyntheticExport, long> declare, CheckpointSigner signer, SignedCheckpoint lost)
    {
        using var export = new SyntheticExport(50, 1, 10, signer);
        var sequence = declare(export);
        export.Verify([signer.Key], new HeldCheckpoints([export.Held(lost.Note())], null), sequence)
            .Verification.Line().ShouldBe("TRUNCATED 1");
    }

    [Fact]
    public void a_thousand_altered_events_are_each_named()
    {
        using var export = new SyntheticExport(1200, batch: 400);
        for (var i = 0; i < 1100; i++)
        {
            export.Events[i] = (export.Events[i].Event with { Data = "{}" }, i);
        }

        export.Verify().Findings.Count(f => f.Verdict == Verdict.Modified).ShouldBe(1100);
    }

    [Fact]
    public void what_is_no_whole_export_is_unusable()
    {
        using var export = new SyntheticExport(10);
        var folder = export.Write();
        void Unusable(string path, Func<string, string> change)
        {
            export.Write();
            File.WriteAllText(path, change(File.ReadAllText(path)));
            Should.Throw<UnusableExportException>(
                () => ExportVerifier.Verify(folder, new VerificationOptions([], HeldCheckpoints.None), _ => { }));
        }

        Unusable(folder.Description, t => t.Replace("true", "false", StringComparison.Ordinal));
        Unusable(folder.Description, t => t.Replace("-v1", "-v9", StringComparison.Ordinal));
        Unusable(folder.Description, _ => "{}");
        Unusable(folder.Description, _ => "");
        Unusable(folder.Events, t => t[..^1]);
        Unusable(folder.Events, t => t + t);
        Unusable(folder.Events, t => "\n" + t);
        Unusable(folder.Leaves, t => t[..^1]);
        Unusable(folder.Leaves, t => t.ToUpperInvariant());
        Unusable(folder.Checkpoints, t => t + t);
        Unusable(folder.Checkpoints, t => t[..^3] + "\n");
        Unusable(Directory.GetFiles(folder.Keys)[0], _ => "no key");
        export.Write();
        Directory.Delete(folder.Keys, true);
        Should.Throw<UnusableExportException>(
            () => ExportVerifier.Verify(folder, new VerificationOptions([], HeldCheckpoints.None), _ => { }));
    }

    private static (Verdict, long)? OneOrNone(SyntheticExport export, HeldCheckpoints? held)
    {
        var (verification, findings) = export.Verify([export.Keys[0]], held);
        findings.RemoveAll(f => f.Verdict == Verdict.Unsealed && verification.Verdict != Verdict.Unsealed);
        return findings.Count == 0 ? null : (findings.ShouldHaveSingleItem().Verdict, findings[0].Sequence!.Value);
    }

    private static (Verdict, long) One(SyntheticExport export, HeldCheckpoints? held = null) =>
        OneOrNone(export, held) ?? default;
}
