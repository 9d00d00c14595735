using Npgsql;
using Reports.ApiTests.Ledger;
using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>A database with the schema and nobody else: what is refused takes locks all the same.</summary>
public sealed class RoleDatabase(LedgerTemplate template) : IAsyncLifetime
{
    public TestDatabase Logins { get; private set; } = null!;

    public NpgsqlDataSource Superuser { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Logins = new TestDatabase(await template.GetAsync());
        await Logins.InitializeAsync();
        Superuser = NpgsqlDataSource.Create(Logins.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await Superuser.DisposeAsync();
        await Logins.DisposeAsync();
    }
}

/// <summary>
/// What each role of the service may do in the database, and everything that none of them may: with the logins that the
/// schema made. That each can do its work, all other tests show; they run the service under these logins.
/// </summary>
public sealed class DatabaseRoleTests(RoleDatabase database) : IClassFixture<RoleDatabase>
{
    private const string Denied = PostgresErrorCodes.InsufficientPrivilege;

    private static readonly string[] Kept =
    [
        "events.mt_events", "events.mt_streams", "ledger.row_hashes", "ledger.leaves", "ledger.nodes",
        "ledger.checkpoints", "ledger.keys", "ledger.faults", "ledger.outages",
    ];

    public static TheoryData<string> Roles => ["app", "sealer", "auditor"];

    [Theory]
    [MemberData(nameof(Roles))]
    public async Task nothing_that_is_recorded_can_be_changed_hidden_or_taken_away(string role)
    {
        var statements = Kept.SelectMany(table => (string[])
        [
            $"delete from {table}",
            $"truncate {table}",
            $"truncate {table} cascade",
            $"drop table {table} cascade",
            $"alter table {table} disable trigger all",
            $"alter table {table} disable trigger user",
            $"alter table {table} add column more text",
            $"alter table {table} set unlogged",
            $"alter table {table} owner to current_user",
            $"alter table {table} enable row level security",
            $"create trigger mine before insert on {table} for each row execute function ledger.refuse_change()",
            $"create rule mine as on insert to {table} do instead nothing",
            $"create index mine on {table} ((1))",
            $"drop trigger refuse_change on {table}",
            $"do 'begin lock table {table} in access exclusive mode; end'",
        ]);

        await DeniedAsync(role, [
            .. statements,
            "update events.mt_events set data = data",
            "update events.mt_events set is_archived = true",
            "update events.mt_events set headers = null where false",
            "update events.mt_streams set is_archived = true",
            "update events.mt_streams set tenant_id = tenant_id",
            "update events.mt_streams set id = id",
            "update events.mt_streams set type = type",
            "update events.mt_streams set created = created",
            "update ledger.row_hashes set leaf = leaf",
            "update ledger.leaves set leaf = leaf",
            "update ledger.nodes set hash = hash",
            "update ledger.checkpoints set note = note",
            "update ledger.keys set pem = pem",
            "update ledger.faults set ends = id",
            "update ledger.outages set cause = cause",
            "insert into ledger.row_hashes (seq_id, leaf, recorded_at) values (-1, '', now())",
            "select from events.mt_events for update",
            "select from events.mt_events for share",
            "select events.mt_archive_stream(gen_random_uuid(), 'test')",
        ]);
    }

    [Theory]
    [MemberData(nameof(Roles))]
    public async Task no_number_is_set_back_and_no_function_is_replaced(string role) => await DeniedAsync(role,
    [
        "select setval('events.mt_events_sequence', 1)",
        "select setval('reports.report_number', 1)",
        "select setval('reports.principal_number', 1)",
        "alter sequence events.mt_events_sequence restart with 1",
        "drop sequence events.mt_events_sequence cascade",
        "create or replace function ledger.record_row() returns trigger language plpgsql as 'begin return null; end'",
        "create or replace function ledger.refuse_change() returns trigger language plpgsql as 'begin return new; end'",
        "create or replace function ledger.leaf(e events.mt_events, recorded_at timestamptz) returns bytea language sql return ''::bytea",
        "alter function ledger.record_row() security invoker",
        "alter function ledger.record_row() owner to current_user",
        "drop function ledger.record_row() cascade",
        "select ledger.record_row()",
        "create or replace function events.mt_mark_event_progression(name varchar, last_encountered bigint) returns void language sql as ''",
    ]);

    [Theory]
    [MemberData(nameof(Roles))]
    public async Task nobody_becomes_more_than_they_are(string role)
    {
        var owner = new NpgsqlConnectionStringBuilder(database.Logins.Migrator).Username;
        string[] others = [.. Roles.Select(r => r.Data).Where(r => r != role).Select(r => $"reports_{r}")];
        await DeniedAsync(role,
        [
            $"set role {owner}",
            $"set session authorization {owner}",
            "set session_replication_role = replica",
            .. others.SelectMany(other => (string[])[$"set role {other}", $"grant {other} to current_user"]),
            $"grant {owner} to current_user",
            $"alter role {owner} password 'mine'",
            "alter role current_user superuser",
            "create role reports_mine",
            "create schema mine",
            "create table events.mine (n int)",
            "create table ledger.mine (n int)",
            "create table reports.mine (n int)",
            "create table wolverine.mine (n int)",
            "create table public.mine (n int)",
            "create function reports.mine() returns int language sql return 1",
            "create event trigger mine on ddl_command_start execute function ledger.refuse_change()",
            "alter system set fsync = off",
            "alter database postgres set session_replication_role = replica",
            "drop schema ledger cascade",
            "alter schema ledger rename to other",
            "copy (select 1) to program 'true'",
            "copy (select 1) to '/tmp/reports-of-mine'",
            "select pg_read_file('PG_VERSION')",
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
        ]);
    }

    [Theory]
    [InlineData("app", "ledger.leaves (idx)", "ledger.nodes (level)", "ledger.checkpoints (note)", "ledger.keys (id)", "ledger.faults (id)", "ledger.outages (id)")]
    [InlineData("sealer", "events.mt_events (seq_id)", "events.mt_streams (id)", "events.mt_event_progression (name)")]
    [InlineData("auditor", "events.mt_events (seq_id)", "events.mt_streams (id)", "ledger.leaves (idx)", "ledger.nodes (level)", "ledger.checkpoints (note)", "ledger.keys (id)", "ledger.faults (id)", "ledger.outages (id)", "reports.finished_reports (report_id)", "reports.origins (origin)")]
    public async Task each_writes_only_what_is_its_own(string role, params string[] tables)
    {
        await DeniedAsync(role, tables.Select(table => $"insert into {table} values (null)"));
        foreach (var table in tables)
        {
            await using var connection = await OpenAsync(role);
            var refused = await Should.ThrowAsync<PostgresException>(
                () => connection.BeginTextImportAsync($"copy {table} from stdin"), table);
            refused.SqlState.ShouldBe(Denied, table);
        }
    }

    [Fact]
    public async Task personal_data_and_secrets_are_read_by_nobody_who_has_no_use_for_them()
    {
        await DeniedAsync("app",
        [
            "select address from reports.origins", "select * from reports.origins", "delete from reports.origins",
            "update reports.origins set address = ''", "delete from reports.access_secrets",
            "delete from reports.access_credentials", "delete from reports.access_merchants",
            "delete from reports.report_requests", "truncate reports.finished_reports",
            "delete from reports.expired_reports", "update transactions.transactions set gross_amount = 0",
            "delete from transactions.transactions",
        ]);
        await DeniedAsync("sealer",
        [
            "select * from reports.origins", "select * from reports.access_secrets",
            "select * from reports.finished_reports", "select * from transactions.transactions",
            "select * from wolverine.wolverine_incoming_envelopes", "select * from ingress.orders",
            "select nextval('events.mt_events_sequence')",
        ]);
        await DeniedAsync("auditor",
        [
            "select * from reports.origins", "select * from reports.access_secrets", "select * from reports.generators",
            "select * from reports.idempotency_keys", "select * from transactions.transactions",
            "select * from wolverine.wolverine_incoming_envelopes", "select * from ingress.messages",
            "select nextval('events.mt_events_sequence')", "select nextval('reports.report_number')",
            "update reports.finished_reports set is_held = true", "delete from reports.finished_reports",
        ]);
    }

    // All of it is undone again.
    [Theory]
    [InlineData(
        "app",
        "select events.mt_quick_append_events(gen_random_uuid(), 'test', 't', array[gen_random_uuid()], array['test'], array[''], array['{}'::jsonb], array[null::bytea], array[null::varchar], array[null::varchar], array['{}'::jsonb], array['test'], array[now()], null)",
        "select version from events.mt_streams for update",
        "select note from ledger.checkpoints",
        "insert into reports.origins values ('test', '', '', '') on conflict (origin) do nothing")]
    [InlineData(
        "sealer",
        "select last_value from events.mt_events_sequence",
        "select ledger.leaf(e, h.recorded_at), h.leaf from events.mt_events e join ledger.row_hashes h using (seq_id) limit 5",
        "insert into ledger.leaves (idx, seq_id, leaf) values (1000000000, -1, sha256(''))",
        "insert into ledger.nodes (level, idx, hash) values (8, 1000000000, sha256(''))",
        "insert into ledger.checkpoints (size, root, last_seq, edge, note, oldest) values (1000000000, sha256(''), 1, '', '', now())",
        "insert into ledger.keys (id, pem) values ('test', '')",
        "insert into ledger.faults (id, kind, verdict, sequence, cause) values (gen_random_uuid(), 'found', 'FORK', 1, '')",
        "insert into ledger.outages (id, size, began, ended, cause) values (gen_random_uuid(), 1000000000, now(), now(), '')")]
    [InlineData(
        "auditor",
        "select e.data, l.idx from events.mt_events e left join ledger.leaves l using (seq_id) limit 5",
        "select * from reports.report_requests limit 1",
        "select * from reports.finished_reports limit 1",
        "select * from reports.access_merchants limit 1",
        "select * from ledger.checkpoints limit 1")]
    public async Task each_can_do_its_work(string role, params string[] statements)
    {
        await using var connection = await OpenAsync(role);
        await using var transaction = await connection.BeginTransactionAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    // Its owner can change what is recorded, but not by mistake: only a trigger that is switched off lets them.
    [Fact]
    public async Task the_owner_of_the_schema_meets_the_triggers()
    {
        var statements = Kept.SelectMany(table => (string[])[$"delete from {table}", $"truncate {table} cascade"]).Concat(
        [
            "update events.mt_events set data = data", "update ledger.row_hashes set leaf = leaf",
            "update ledger.leaves set leaf = leaf", "update ledger.nodes set hash = hash",
            "update ledger.checkpoints set note = note", "update ledger.keys set pem = pem",
            "update ledger.faults set ends = id", "update ledger.outages set cause = cause",
        ]);
        foreach (var statement in statements)
        {
            await using var connection = await OpenAsync("migrator");
            await using var transaction = await connection.BeginTransactionAsync();
            foreach (var fill in (string[])
            [
                "insert into events.mt_streams (id, tenant_id, version) values (gen_random_uuid(), 'test', 1)",
                "insert into events.mt_events (seq_id, id, version, data, type, timestamp, tenant_id) values (nextval('events.mt_events_sequence'), gen_random_uuid(), 1, '{}', 'test', now(), 'test')",
                "insert into ledger.leaves (idx, seq_id, leaf) values (1000000000, -1, sha256(''))",
                "insert into ledger.nodes (level, idx, hash) values (8, 1000000000, sha256(''))",
                "insert into ledger.checkpoints (size, root, last_seq, edge, note, oldest) values (1000000000, sha256(''), 1, '', '', now())",
                "insert into ledger.keys (id, pem) values ('test', '')",
                "insert into ledger.faults (id, kind, verdict, sequence, cause) values (gen_random_uuid(), 'found', 'FORK', 1, '')",
                "insert into ledger.outages (id, size, began, ended, cause) values (gen_random_uuid(), 1000000000, now(), now(), '')",
            ])
            {
                await using var filling = new NpgsqlCommand(fill, connection);
                await filling.ExecuteNonQueryAsync();
            }

            await using var command = new NpgsqlCommand(statement, connection);
            var refused = await Should.ThrowAsync<PostgresException>(() => command.ExecuteNonQueryAsync(), statement);
            refused.MessageText.ShouldContain("is refused: what is recorded stays as it is", Case.Sensitive, statement);
        }
    }

    [Fact]
    public async Task whoever_may_do_what_is_decided_for_every_table()
    {
        await using var command = database.Superuser.CreateCommand(
            """
            select c.oid::regclass::text from pg_class c
            where c.relnamespace::regnamespace::text in ('events', 'ledger', 'reports', 'transactions', 'ingress', 'wolverine', 'queues')
              and c.relkind in ('r', 'p', 'v', 'm', 'S')
              and not exists (
                  select from unnest(array['reports_app', 'reports_sealer', 'reports_auditor']) r
                  where case c.relkind when 'S' then has_sequence_privilege(r, c.oid, 'usage, select')
                        else has_any_column_privilege(r, c.oid, 'select, insert') end)
            order by 1
            """);
        await using var row = await command.ExecuteReaderAsync();
        var undecided = new List<string>();
        while (await row.ReadAsync())
        {
            undecided.Add(row.GetString(0));
        }

        // The framework's, which the service makes no use of.
        undecided.ShouldBe(["reports.mt_doc_envelope"], "DatabaseGrants says who may use a table, or nobody can");
    }

    [Fact]
    public async Task nothing_is_everybodys()
    {
        await using var command = database.Superuser.CreateCommand(
            """
            select count(*) from pg_class c, aclexplode(c.relacl) a
            where a.grantee = 0 and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
            """);
        (await command.ExecuteScalarAsync()).ShouldBe(0L);
    }

    private async Task DeniedAsync(string role, IEnumerable<string> statements)
    {
        var done = new List<string>();
        await using var connection = await OpenAsync(role);
        foreach (var statement in statements)
        {
            try
            {
                await using var command = new NpgsqlCommand(statement, connection);
                await command.ExecuteNonQueryAsync();
                done.Add(statement);
            }
            catch (PostgresException e) when (e.SqlState == Denied)
            {
                // As it should be.
            }
            catch (PostgresException e)
            {
                done.Add($"{statement}: {e.SqlState} {e.MessageText}");
            }
        }

        done.ShouldBeEmpty($"the role {role} was not refused");
    }

    private async Task<NpgsqlConnection> OpenAsync(string role)
    {
        var connection = new NpgsqlConnection(role switch
        {
            "app" => database.Logins.App,
            "sealer" => database.Logins.Sealer,
            "auditor" => database.Logins.Auditor,
            "migrator" => database.Logins.Migrator,
            _ => throw new ArgumentOutOfRangeException(nameof(role), role, null),
        });
        await connection.OpenAsync();
        return connection;
    }
}
