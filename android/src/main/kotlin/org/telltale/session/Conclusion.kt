package org.telltale.session

import java.io.IOException
import org.json.JSONException
import org.telltale.engine.Engine
import org.telltale.engine.Format
import org.telltale.engine.Report
import org.telltale.engine.parseReport
import org.telltale.report.SessionFiles
import org.telltale.report.Summary

/** Writes what a session leaves behind. */
internal object Conclusion {
    /**
     * Both reports, masked, and the summary.
     *
     * @throws IOException the storage cannot be written.
     * @throws RuntimeException the engine can make no report any more; the summary says that the session failed.
     */
    @Throws(IOException::class)
    fun write(engine: Engine, files: SessionFiles, values: Boolean, failure: Failure?): Report {
        val source = files.summary().source
        files.write(Summary(source, ended = true, failure = (failure ?: Failure.ENGINE).name, values = values))
        val json = engine.report(Format.JSON)
        files.write(json, engine.report(Format.HTML))
        val report = parse(json)
        files.write(summary(report, values, failure).copy(source = source))
        return report
    }

    /**
     * The report in [json].
     *
     * @throws IllegalStateException the engine has written what this version cannot read.
     */
    fun parse(json: ByteArray): Report = try {
        parseReport(json)
    } catch (unreadable: JSONException) {
        throw IllegalStateException("the engine's report cannot be read", unreadable)
    }

    private fun summary(report: Report, values: Boolean, failure: Failure?) = Summary(
        ended = true,
        failure = failure?.name,
        values = values,
        flows = report.coverage.flows,
        readable = report.coverage.readable,
        encrypted = report.coverage.encrypted,
        findings = report.findings.size,
        worst = report.findings.minOfOrNull { it.severity }?.name,
    )
}
