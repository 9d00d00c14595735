using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Reports.Benchmarks;

/// <summary>
/// What the service is compared with: the least that an ASP.NET Core program can do. No authentication, no quota, no
/// record, no count, no tokens.
/// </summary>
internal static class Yardstick
{
    private static readonly JsonEncodedText DownloadUrl = JsonEncodedText.Encode(
        "http://127.0.0.1/b/api/v1/reports/files/00000000-0000-4000-8000-000000000000/download/");

    /// <summary>A program that answers nothing but that it is there.</summary>
    public static async Task RunEmptyAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.MapGet("/", () => Results.Ok());
        await ServeAsync(app);
    }

    public static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var files = Environment.GetEnvironmentVariable("YARDSTICK_FILES")!;
        await using var database = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(Environment.GetEnvironmentVariable("YARDSTICK_DATABASE")!)
            {
                MaxAutoPrepare = 4,
                AutoPrepareMinUsages = 2,
            });
        var app = builder.Build();
        app.MapGet("/list/{merchant:guid}", (Guid merchant, HttpResponse response) =>
            ListAsync(database, merchant, response));
        app.MapGet("/file/{name}", (string name) => Results.File(Path.Combine(files, "plain", name), "text/csv"));
        await ServeAsync(app);
    }

    internal static async Task ServeAsync(WebApplication app)
    {
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        await File.WriteAllTextAsync(Environment.GetEnvironmentVariable("REPORTS__READYFILE")!, addresses.First());
        await app.WaitForShutdownAsync();
    }

    // The rows of the list's first page, by the index that the service uses.
    private static async Task ListAsync(NpgsqlDataSource database, Guid merchant, HttpResponse response)
    {
        await using var command = database.CreateCommand(
            """
            select report_id, report_name, interval, source, file_format, records_amount, created_at, generated_at,
                finished_at, period_start, period_end, time_zone, file_size, sha256, expires_at
            from reports.finished_reports
            where merchant_id = $1 and created_at >= $2
            order by created_at desc, report_id desc limit 50
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = merchant });
        command.Parameters.Add(new NpgsqlParameter<DateTime>
        {
            TypedValue = TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-30),
            NpgsqlDbType = NpgsqlDbType.TimestampTz,
        });
        await using var row = await command.ExecuteReaderAsync();
        response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(response.BodyWriter);
        json.WriteStartObject();
        json.WriteStartArray("results"u8);
        while (await row.ReadAsync())
        {
            json.WriteStartObject();
            json.WriteString("encrypted_id"u8, row.GetGuid(0));
            json.WriteString("report_name"u8, row.GetString(1));
            json.WriteString("interval"u8, row.GetString(2));
            json.WriteString("source"u8, row.GetString(3));
            json.WriteString("file_format"u8, row.GetString(4));
            json.WriteNumber("records_amount"u8, row.GetInt64(5));
            json.WriteString("status"u8, "finished"u8);
            json.WriteString("created_at"u8, row.GetDateTime(6));
            json.WriteString("generated_at"u8, row.GetDateTime(7));
            json.WriteString("finished_at"u8, row.GetDateTime(8));
            json.WriteString("period_start"u8, row.GetDateTime(9));
            json.WriteString("period_end"u8, row.GetDateTime(10));
            json.WriteString("time_zone"u8, row.GetString(11));
            json.WriteNumber("file_size"u8, row.GetInt64(12));
            json.WriteString("sha256"u8, Convert.ToHexStringLower(row.GetFieldValue<byte[]>(13)));
            json.WriteString("expires_at"u8, row.GetDateTime(14));
            json.WriteStartObject("download_action"u8);
            json.WriteString("method"u8, "GET"u8);
            json.WriteString("url"u8, DownloadUrl);
            json.WriteString("expires_at"u8, row.GetDateTime(14));
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync();
    }
}
