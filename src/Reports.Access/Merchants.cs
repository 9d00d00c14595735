using Npgsql;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>Whether a merchant can be given credentials.</summary>
internal sealed class Merchants(NpgsqlDataSource database)
{
    /// <exception cref="ProblemException">There is no such merchant, or it is disabled.</exception>
    public async Task RequireActiveAsync(Guid? merchant, CancellationToken cancellation)
    {
        if (merchant is not { } id)
        {
            return;
        }

        await using var command = database.CreateCommand(
            "select disabled_at is not null from reports.access_merchants where merchant_id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        switch (await command.ExecuteScalarAsync(cancellation))
        {
            case null: throw Refusal.Unknown($"There is no merchant {id}.");
            case true: throw Refusal.Conflict($"The merchant {id} is disabled.");
        }
    }
}
