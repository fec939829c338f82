package org.telltale.ui

import android.app.Activity
import android.app.AlertDialog
import org.telltale.R
import org.telltale.engine.Flow

/** Shows what is known of a connection. */
fun Activity.showFlow(flow: Flow) {
    val words = Words(this)
    val where = listOfNotNull(flow.owner, flow.country?.let(words::country)).joinToString(", ").ifEmpty { null }
    val protocols = (listOf(flow.transport) + flow.protocols).joinToString(" / ").uppercase()
    val lines = listOfNotNull(
        flow.remote,
        where,
        words.purpose(flow.purpose),
        AppFaces(this).label(flow.app),
        "$protocols, ${words.content(flow.encrypted)}",
        getString(R.string.volume, words.bytes(flow.bytesOut), words.bytes(flow.bytesIn)),
        words.moment(flow.opened),
    )
    AlertDialog.Builder(this)
        .setTitle(flow.host ?: flow.remote)
        .setMessage(lines.joinToString("\n"))
        .setPositiveButton(android.R.string.ok, null)
        .show()
}
