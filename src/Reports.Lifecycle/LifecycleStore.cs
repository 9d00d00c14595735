using Npgsql;
using Reports.BuildingBlocks;

namespace Reports.Lifecycle;

/// <summary>What this module needs to know of a merchant.</summary>
internal sealed record MerchantTerms(Guid Id, string TimeZone, int RetentionDays);

/// <summary>Reads the module's own tables.</summary>
internal sealed class LifecycleStore(NpgsqlDataSource database)
{
    /// <summary>Takes the next report number, together with the terms of the merchant it is for.</summary>
    /// <exception cref="ProblemException">There is no such merchant.</exception>
    public async Task<(long Number, MerchantTerms Merchant)> NextNumberAsync(
        Guid merchantId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            """
            select nextval('reports.report_number'), merchant_id, time_zone, retention_days
            from reports.lifecycle_merchants where merchant_id = $1
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchantId });
        await using var row = await command.ExecuteReaderAsync(cancellation);
        return await row.ReadAsync(cancellation)
            ? (row.GetInt64(0), new MerchantTerms(row.GetGuid(1), row.GetString(2), row.GetInt32(3)))
            : throw new ProblemException(Problem.NotFound with { Detail = $"There is no merchant {merchantId}." });
    }

    /// <exception cref="ProblemException">There is no such merchant, or it is disabled.</exception>
    public async Task RequireActiveAsync(Guid merchantId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "select is_disabled from reports.lifecycle_merchants where merchant_id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchantId });
        switch (await command.ExecuteScalarAsync(cancellation))
        {
            case null:
                throw new ProblemException(Problem.NotFound with { Detail = $"There is no merchant {merchantId}." });
            case true:
                throw new ProblemException(Problem.Conflict with { Detail = $"The merchant {merchantId} is disabled." });
        }
    }

    public async Task<int> RetentionDaysAsync(Guid merchantId, CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(
            "select retention_days from reports.lifecycle_merchants where merchant_id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchantId });
        return (int)(await command.ExecuteScalarAsync(cancellation)
            ?? throw new InvalidOperationException($"There is no merchant {merchantId}."));
    }
}
