using System.Data;
using System.Text;
using System.Text.Json;
using Npgsql;
using Reports.Audit;
using Reports.Ledger;

namespace Reports.ApiTests.Ledger;

/// <summary>
/// Exports what a connection sees, in its transaction too. What the transaction has not changed is not read again: an
/// export of a store of 10,000 events then takes milliseconds.
/// </summary>
internal sealed class LedgerExport : IDisposable
{
    private const string Changed = "= pg_current_xact_id_if_assigned()::xid";

    private readonly Dictionary<long, byte[]> _events = [];
    private readonly Dictionary<long, byte[]> _leaves = [];
    private readonly Dictionary<long, byte[]> _checkpoints = [];
    private readonly ExportFolder _folder = new(Directory.CreateTempSubdirectory("reports-export-").FullName);

    /// <summary>Writes the folder: what is in no transaction the first time, and then what it changes.</summary>
    public async Task<ExportFolder> WriteAsync(NpgsqlConnection connection)
    {
        await WriteAsync(
            connection, _folder.Events, _events,
            $"""
            select e.seq_id, e.xmin {Changed} or coalesce(l.xmin {Changed}, false) or coalesce(h.xmin {Changed}, false)
            from events.mt_events e left join ledger.leaves l using (seq_id) left join ledger.row_hashes h using (seq_id)
            order by e.seq_id
            """,
            $"select {EventRow.Columns} from {EventRow.From} where e.seq_id = any($1)",
            row =>
            {
                var (stored, buffer) = (EventRow.Read(row), new MemoryStream());
                using (var json = new Utf8JsonWriter(buffer, EventLines.Options))
                {
                    EventLines.WritePlain(json, stored);
                }

                buffer.Write("\n"u8);
                return (stored.Sequence, buffer.ToArray());
            });
        await WriteAsync(
            connection, _folder.Leaves, _leaves,
            $"select idx, xmin {Changed} from ledger.leaves order by idx",
            "select idx, seq_id, leaf from ledger.leaves where idx = any($1)",
            row =>
            {
                var index = row.GetInt64(0);
                return (index, Encoding.UTF8.GetBytes(LeafLine.Text(index, row.GetInt64(1), row.GetFieldValue<byte[]>(2))));
            });
        await WriteAsync(
            connection, _folder.Checkpoints, _checkpoints,
            $"select size, xmin {Changed} from ledger.checkpoints order by size",
            "select size, note from ledger.checkpoints where size = any($1)",
            row =>
            {
                var size = row.GetInt64(0);
                return (size, Encoding.UTF8.GetBytes(CheckpointLine.Text(size, row.GetString(1))));
            });

        Directory.CreateDirectory(_folder.Keys);
        await using (var keys = new NpgsqlCommand("select id, pem from ledger.keys", connection))
        {
            await using var key = await keys.ExecuteReaderAsync();
            while (await key.ReadAsync())
            {
                await File.WriteAllTextAsync(Path.Combine(_folder.Keys, $"{key.GetString(0)}.pem"), key.GetString(1));
            }
        }

        // As far as it goes: whoever exports cannot know what was cut off.
        await using var end = new NpgsqlCommand(
            """
            select (select count(*) from ledger.leaves),
                coalesce((select last_seq from ledger.checkpoints order by size desc limit 1), 0)
            """,
            connection);
        await using var row = await end.ExecuteReaderAsync();
        await row.ReadAsync();
        new ExportDescription(
            ExportDescription.CurrentFormat, new LedgerOptions().Origin, ExportDescription.All, "http://localhost",
            row.GetInt64(0), row.GetInt64(1), true)
            .Write(_folder);
        return _folder;
    }

    public void Dispose() => Directory.Delete(_folder.Path, recursive: true);

    private static async Task WriteAsync(
        NpgsqlConnection connection, string file, Dictionary<long, byte[]> known, string ids, string rows,
        Func<NpgsqlDataReader, (long Id, byte[] Text)> read)
    {
        var (order, changed) = (new List<long>(), new List<long>());
        await using (var command = new NpgsqlCommand(ids, connection))
        {
            await using var row = await command.ExecuteReaderAsync();
            while (await row.ReadAsync())
            {
                order.Add(row.GetInt64(0));
                if (!known.ContainsKey(order[^1]) || (!await row.IsDBNullAsync(1) && row.GetBoolean(1)))
                {
                    changed.Add(order[^1]);
                }
            }
        }

        // What belongs to the transaction is forgotten with it.
        var fresh = new Dictionary<long, byte[]>();
        await using (var command = new NpgsqlCommand(rows, connection))
        {
            command.Parameters.AddWithValue(changed.ToArray());
            await using var row = await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess);
            while (await row.ReadAsync())
            {
                var (id, line) = read(row);
                fresh[id] = line;
            }
        }

        if (known.Count == 0)
        {
            foreach (var (id, text) in fresh)
            {
                known[id] = text;
            }
        }

        await using var stream = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        foreach (var id in order)
        {
            stream.Write(fresh.TryGetValue(id, out var text) ? text : known[id]);
        }
    }
}
