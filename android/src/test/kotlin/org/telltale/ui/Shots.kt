package org.telltale.ui

import android.app.Activity
import android.content.pm.ApplicationInfo
import android.content.pm.PackageInfo
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.drawable.BitmapDrawable
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import java.io.File
import org.robolectric.Shadows.shadowOf
import org.telltale.app

/** Screens as pictures and as trees of views. */
object Shots {
    /** Draws [activity] as it is on a screen into `target/screens/NAME.png`. */
    fun draw(activity: Activity, name: String) {
        shadowOf(Looper.getMainLooper()).idle()
        val view = activity.window.decorView
        val bitmap = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(bitmap))
        val file = File("target/screens/$name.png").apply { parentFile!!.mkdirs() }
        file.outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }

    /** Every visible view below [root], itself first. */
    fun views(root: View): List<View> = when {
        root.visibility != View.VISIBLE -> emptyList()
        root is ViewGroup -> listOf(root) + (0 until root.childCount).flatMap { views(root.getChildAt(it)) }
        else -> listOf(root)
    }

    /** Every text that can be seen. */
    fun texts(activity: Activity): List<String> =
        views(activity.window.decorView).filterIsInstance<TextView>().map { it.text.toString() }.filter { it.isNotEmpty() }

    /** Installs apps of these labels, each with an icon of a colour of its own. */
    fun install(apps: Map<String, String>) = apps.entries.forEachIndexed { index, (name, label) ->
        val info = ApplicationInfo().apply { packageName = name; nonLocalizedLabel = label; flags = ApplicationInfo.FLAG_INSTALLED }
        val icon = letter(label, COLOURS[index % COLOURS.size])
        shadowOf(app.packageManager).run {
            installPackage(PackageInfo().apply { packageName = name; applicationInfo = info })
            setUnbadgedApplicationIcon(name, icon)
            setApplicationIcon(name, icon)
        }
    }

    private fun letter(label: String, colour: Int): BitmapDrawable {
        val bitmap = Bitmap.createBitmap(96, 96, Bitmap.Config.ARGB_8888)
        val paint = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = colour; textAlign = Paint.Align.CENTER; textSize = 52f }
        Canvas(bitmap).run {
            drawRoundRect(0f, 0f, 96f, 96f, 28f, 28f, paint)
            paint.color = Color.WHITE
            drawText(label.take(1), 48f, 66f, paint)
        }
        return BitmapDrawable(app.resources, bitmap)
    }

    private val COLOURS = intArrayOf(0xFF3B78E7.toInt(), 0xFF2E9E6B.toInt(), 0xFFE0A030.toInt(), 0xFF8C5CC4.toInt(), 0xFFCF5A6B.toInt())
}
