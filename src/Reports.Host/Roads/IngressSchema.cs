using Npgsql;

namespace Reports.Host.Roads;

/// <summary>
/// The schema <c>ingress</c>: what generators of any language read and write with plain SQL, and the role that can do
/// nothing else.
/// </summary>
internal static partial class IngressSchema
{
    /// <summary>The role that logins of generators are members of.</summary>
    public const string Role = "reports_generator";

    private const long SchemaLock = 0x5265_706F_7274_0003;

    // Bodies have an end, so that nobody fills the inbox with one.
    private const string Tables = """
        create schema if not exists ingress;
        create table if not exists ingress.messages (
            id           uuid primary key default gen_random_uuid(),
            body         jsonb not null check (octet_length(body::text) <= 1048576),
            message_type text check (octet_length(message_type) <= 200),
            received_at  timestamptz not null default clock_timestamp(),
            constraint message_type_is_said check (message_type is not null or body ? 'specversion')
        );
        create index if not exists messages_by_time on ingress.messages (received_at, id);
        create table if not exists ingress.orders (
            id          uuid primary key,
            report_id   uuid not null,
            attempt     int not null,
            body        jsonb not null,
            created_at  timestamptz not null,
            taken_by    text,
            taken_until timestamptz,
            unique (report_id, attempt)
        );
        create index if not exists orders_by_time on ingress.orders (created_at, id);

        create or replace function ingress.take_orders(
            generator text, most integer default 1, lease interval default '5 minutes')
        returns table (id uuid, body jsonb)
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
        begin
            if generator is null or generator = '' or length(generator) > 200 then
                raise exception 'generator must be a name of 1 to 200 characters' using errcode = '22023';
            end if;
            if most is null or most not between 1 and 1000 then
                raise exception 'most must be from 1 to 1000' using errcode = '22023';
            end if;
            if lease is null or lease < interval '1 second' or lease > interval '7 days' then
                raise exception 'lease must be from 1 second to 7 days' using errcode = '22023';
            end if;
            return query
                with next as materialized (
                    select o.id from ingress.orders o
                    where o.taken_until is null or o.taken_until <= clock_timestamp()
                    order by o.created_at, o.id
                    limit most
                    for update skip locked),
                taken as (
                    update ingress.orders o
                    set taken_by = generator, taken_until = clock_timestamp() + lease
                    from next where o.id = next.id
                    returning o.id, o.body, o.created_at)
                select t.id, t.body from taken t order by t.created_at, t.id;
        end $$;
        revoke all on function ingress.take_orders(text, integer, interval) from public;

        create or replace function ingress.tell_of_orders() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            perform pg_notify('reports_orders', '');
            return null;
        end $$;
        revoke all on function ingress.tell_of_orders() from public;
        create or replace trigger tell_of_orders after insert on ingress.orders
            for each statement execute function ingress.tell_of_orders();

        -- A poison message that comes again dies again. The framework takes the second death of one id for a message
        -- that is dead already, and leaves it in its inbox for good; so the second death is no row, and no error.
        create or replace function ingress.keep_first_dead_letter() returns trigger
        language plpgsql set search_path = pg_catalog, pg_temp as $$
        begin
            if exists (
                select from wolverine.wolverine_dead_letters d
                where d.id = new.id and d.received_at is not distinct from new.received_at) then
                return null;
            end if;
            return new;
        end $$;
        create or replace trigger keep_first_dead_letter before insert on wolverine.wolverine_dead_letters
            for each row execute function ingress.keep_first_dead_letter();
        """;

    // Roles belong to the whole cluster: another database of it may be creating this one at the same moment.
    private const string CreateRole = $"""
        do $$ begin
            if not exists (select from pg_roles where rolname = '{Role}') then create role {Role} nologin; end if;
        exception when duplicate_object or unique_violation then null;
        end $$;
        """;

    private const string Grants = $"""
        revoke all on schema ingress from public;
        revoke all on all tables in schema ingress from public;
        grant usage on schema ingress to {Role};
        grant insert (id, body, message_type) on ingress.messages to {Role};
        grant execute on function ingress.take_orders(text, integer, interval) to {Role};
        """;

    /// <summary>Creates what is missing; harmless when nothing is.</summary>
    public static async Task ApplyAsync(NpgsqlDataSource database, ILogger logger, CancellationToken cancellation)
    {
        await using var connection = await database.OpenConnectionAsync(cancellation);
        await ExecuteAsync(connection, Tables, cancellation);
        try
        {
            await ExecuteAsync(connection, CreateRole, cancellation);
            await ExecuteAsync(connection, Grants, cancellation);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
        {
            LogNoRole(logger, Role);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using var command = new NpgsqlCommand($"select pg_advisory_xact_lock({SchemaLock}); {sql}", connection);
        await command.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    [LoggerMessage(
        LogLevel.Warning,
        "The role {Role} is not there, and may not be created: no generator can use the tables of ingress before a superuser has made it, and `schema apply` has run again")]
    private static partial void LogNoRole(ILogger logger, string role);
}
