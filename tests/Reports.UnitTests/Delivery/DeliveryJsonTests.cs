using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class DeliveryJsonTests
{
    [Theory]
    [InlineData("daily-2026-11-01.csv")]
    [InlineData("تقرير يومي.csv")]
    [InlineData("<a href='x'>&\"\\/+</a>")]
    [InlineData("line\r\n\t\u0001\u2028")]
    [InlineData("👍 é")]
    public void a_list_is_written_as_a_serializer_would_write_it(string name)
    {
        var report = DeliveryExample.Report with { ReportName = name };
        var empty = DeliveryExample.List with { Count = 0, Next = null, Previous = null, Results = [] };
        var full = DeliveryExample.List with { Results = [report, DeliveryExample.Report] };
        var naming = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };

        foreach (var list in new[] { empty, full })
        {
            var body = new ArrayBufferWriter<byte>();
            DeliveryJson.Write(body, list, DeliveryJson.Default.ReportList);

            body.WrittenSpan.ToArray().ShouldBe(JsonSerializer.SerializeToUtf8Bytes(list, naming));
        }
    }
}
