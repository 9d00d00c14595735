using Npgsql;

namespace Reports.Audit;

/// <summary>
/// The schema <c>ledger</c>: the hash of each event as it was inserted, the Merkle tree over them, and its signed
/// heads. All of it only grows.
/// </summary>
internal static class LedgerSchema
{
    private const long SchemaLock = 0x5265_706F_7274_0005;

    // The bodies without quotes are parsed here and now: no search path of a later caller changes what they do.
    // ledger.leaf says in SQL what Reports.Ledger.EventLeaf says; a test compares them. ledger.shown never gives one
    // thing for two: no event may be altered without its leaf telling. So what already has a member as shown() makes
    // them is shown as nothing, and refused by the trigger.
    private const string Functions = """
        create schema if not exists ledger;
        do $$ begin
            if getdatabaseencoding() <> 'UTF8' then
                raise exception 'the database must be in UTF8: the ledger hashes what it holds as UTF-8';
            end if;
        end $$;

        create or replace function ledger.field(value text) returns bytea
            language sql stable parallel safe
            return coalesce(int4send(octet_length(value)) || convert_to(value, 'UTF8'), '\xffffffff'::bytea);

        create or replace function ledger.microseconds(at timestamptz) returns text
            language sql stable parallel safe
            return case when isfinite(at) then (extract(epoch from at) * 1000000)::bigint::text end;

        -- Not of the kind that is made part of whoever calls it: few events come here.
        create or replace function ledger.hidden(type text, data jsonb) returns jsonb
        language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp as $$
        declare
            names text[] := array['storage_key', 'quarantine_key'];
            name text;
        begin
            if data ?| array['storage_key_sha256', 'quarantine_key_sha256', 'subject_sha256'] then
                return null;
            end if;
            if type = 'report.late-result-ignored.v1' and data ->> 'answer' = 'completed' then
                names := names || 'subject'::text;
            end if;
            foreach name in array names loop
                if jsonb_typeof(data -> name) = 'string' then
                    data := (data - name) || jsonb_build_object(
                        name || '_sha256', encode(sha256(convert_to(data ->> name, 'UTF8')), 'hex'));
                end if;
            end loop;
            return data;
        end $$;

        -- What is usual is part of whoever calls it: nothing to hide, or a storage key alone.
        create or replace function ledger.shown(type text, data jsonb) returns jsonb
            language sql stable parallel safe
            return case
                when not (
                    type = 'report.late-result-ignored.v1' or data ?| array[
                        'storage_key', 'quarantine_key', 'storage_key_sha256', 'quarantine_key_sha256',
                        'subject_sha256'])
                    or jsonb_typeof(data) <> 'object'
                then data
                when type <> 'report.late-result-ignored.v1' and jsonb_typeof(data -> 'storage_key') = 'string'
                    and not data ?| array[
                        'quarantine_key', 'storage_key_sha256', 'quarantine_key_sha256', 'subject_sha256']
                then (data - 'storage_key') || jsonb_build_object(
                    'storage_key_sha256', encode(sha256(convert_to(data ->> 'storage_key', 'UTF8')), 'hex'))
                else ledger.hidden(type, data)
            end;

        create or replace function ledger.leaf(e events.mt_events, recorded_at timestamptz, shown text) returns bytea
            language sql stable parallel safe
            return sha256(
                '\x00'::bytea || ledger.field('reports-event-v1') || ledger.field(e.seq_id::text)
                || ledger.field(e.id::text) || ledger.field(e.stream_id::text) || ledger.field(e.version::text)
                || ledger.field(e.type) || ledger.field(e.tenant_id)
                || ledger.field(ledger.microseconds(e.timestamp)) || ledger.field(ledger.microseconds(recorded_at))
                || ledger.field(e.user_name) || ledger.field(e.correlation_id) || ledger.field(e.causation_id)
                || ledger.field(e.headers::text) || ledger.field(shown));

        create or replace function ledger.leaf(e events.mt_events, recorded_at timestamptz) returns bytea
            language sql stable parallel safe
            return ledger.leaf(e, recorded_at, ledger.shown(e.type, e.data)::text);

        create or replace function ledger.refuse_change() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            raise exception '% of %.% is refused: what is recorded stays as it is',
                lower(tg_op), tg_table_schema, tg_table_name using errcode = 'insufficient_privilege';
        end $$;

        -- The event store fills the gap of an append that failed with a tombstone, in a transaction of its own, after the
        -- sealer may have passed it. Of nothing there is nothing to record: the gap stays.
        create or replace function ledger.leave_gap() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            return case when new.type <> 'tombstone' then new end;
        end $$;
        """;

    // What was there before the trigger has its hash taken now, once: a second time, rows that somebody put in beside
    // it would get theirs too.
    private const string Tables = """
        do $$ begin
            if to_regclass('ledger.row_hashes') is null then
                lock table events.mt_streams, events.mt_events in share row exclusive mode;
                create table ledger.row_hashes (
                    seq_id      bigint primary key,
                    leaf        bytea not null,
                    recorded_at timestamptz not null
                );
                insert into ledger.row_hashes (seq_id, leaf, recorded_at)
                    select e.seq_id, ledger.leaf(e, e.timestamp), e.timestamp from events.mt_events e order by e.seq_id;
            end if;
        end $$;
        create table if not exists ledger.leaves (
            idx     bigint primary key check (idx >= 0),
            seq_id  bigint not null unique,
            leaf    bytea not null check (octet_length(leaf) = 32),
            is_late boolean not null default false
        );
        do $$ begin
            if to_regclass('ledger.leaves_late') is null then
                create index leaves_late on ledger.leaves (seq_id) where is_late;
            end if;
        end $$;
        create table if not exists ledger.nodes (
            level int not null,
            idx   bigint not null,
            hash  bytea not null check (octet_length(hash) = 32),
            primary key (level, idx)
        );
        create table if not exists ledger.checkpoints (
            size     bigint primary key check (size > 0),
            root     bytea not null check (octet_length(root) = 32),
            last_seq bigint not null,
            edge     bytea not null,
            note     text not null,
            made_at  timestamptz not null default clock_timestamp(),
            oldest   timestamptz not null default clock_timestamp() -- when the first of what it newly seals was recorded
        );
        create table if not exists ledger.keys (
            id         text primary key,
            pem        text not null,
            first_used timestamptz not null default clock_timestamp()
        );
        -- What is wrong with the ledger, and that it is no more: of the latter, "ends" names the row of the former.
        create table if not exists ledger.faults (
            id       uuid primary key,
            kind     text not null,
            verdict  text not null,
            sequence bigint not null,
            cause    text not null,
            at       timestamptz not null default clock_timestamp(),
            ends     uuid unique references ledger.faults
        );
        -- Times in which events waited too long for their seal; each becomes an event with this id.
        create table if not exists ledger.outages (
            id    uuid primary key,
            size  bigint not null unique,
            began timestamptz not null,
            ended timestamptz not null,
            cause text not null
        );
        """;

    /// <summary>
    /// The triggers: on what, their name, what they run, what they fire at, and the same as <c>pg_trigger.tgtype</c>.
    /// </summary>
    public const string TriggerList = """
        select 'events.mt_events' as place, 'record_row'::name as called, 'ledger.record_row' as function,
            'after insert on %s for each row execute function ledger.record_row()' as fires, 5 as kind
        union all
        select 'events.mt_events', 'leave_gap', 'ledger.leave_gap',
            'before insert on %s for each row execute function ledger.leave_gap()', 7
        union all
        select unnest(array[
            'events.mt_events', 'ledger.row_hashes', 'ledger.leaves', 'ledger.nodes', 'ledger.checkpoints',
            'ledger.keys', 'ledger.faults', 'ledger.outages']),
            'refuse_change', 'ledger.refuse_change',
            'before update or delete on %s for each row execute function ledger.refuse_change()', 27
        union all
        -- A stream's version grows with its events.
        select 'events.mt_streams', 'refuse_change', 'ledger.refuse_change',
            'before delete on %s for each row execute function ledger.refuse_change()', 11
        union all
        select unnest(array[
            'events.mt_events', 'events.mt_streams', 'ledger.row_hashes', 'ledger.leaves', 'ledger.nodes',
            'ledger.checkpoints', 'ledger.keys', 'ledger.faults', 'ledger.outages']),
            'refuse_truncate', 'ledger.refuse_change',
            'before truncate on %s for each statement execute function ledger.refuse_change()', 34
        """;

    private const string Triggers = $"""
        create or replace function ledger.record_row() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        declare
            at timestamptz := clock_timestamp();
            -- Taken once, and not within the insert: there it would be planned anew for each event.
            shown text := ledger.shown(new.type, new.data)::text;
            last bigint := (select case when is_called then last_value else 0 end from events.mt_events_sequence);
        begin
            -- The sealer looks at numbers that were drawn, and above zero.
            if new.seq_id < 1 or new.seq_id > last then
                raise exception 'the number % of the event was not drawn from the sequence', new.seq_id
                    using errcode = 'insufficient_privilege';
            end if;
            if shown is null then
                raise exception 'an event must not have a member that stands for a hidden one'
                    using errcode = 'check_violation';
            end if;
            insert into ledger.row_hashes (seq_id, leaf, recorded_at)
                values (new.seq_id, ledger.leaf(new, at, shown), at);
            return null;
        end $$;
        revoke all on function ledger.record_row() from public;

        -- Only what is missing is made: making a trigger waits for everybody who writes to its table, and a node that
        -- starts would do so in the order in which others deadlock with it.
        do $$
        declare
            place regclass;
            called name;
            fires text;
        begin
            for place, called, fires in
                select w.place::regclass, w.called, w.fires from ({TriggerList}) w
                where not exists (select from pg_trigger t where t.tgrelid = w.place::regclass and t.tgname = w.called) loop
                lock table events.mt_streams, events.mt_events in share row exclusive mode;
                execute format('create trigger %I ' || fires, called, place);
            end loop;
        end $$;
        """;

    /// <summary>Creates what is missing; harmless when nothing is. The events' tables must be there.</summary>
    public static async Task ApplyAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var command = new NpgsqlCommand(
            $"select pg_advisory_xact_lock({SchemaLock}); {Functions} {Tables} {Triggers}", connection);
        await command.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }
}
